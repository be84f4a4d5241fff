"""All that a job needs, packed on this machine when it is first asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib import resources
from pathlib import Path

from lakehouse_platform.compute.artifacts import Artifact, Artifacts, Place
from lakehouse_platform.errors import SettingsError
from lakehouse_platform.jobs.packing.archives import sha256_of
from lakehouse_platform.jobs.packing.contracts import project_zip
from lakehouse_platform.jobs.packing.library import library_wheel
from lakehouse_platform.jobs.packing.python import python_fingerprint, write_python
from lakehouse_platform.jobs.project import Project

FOLDER = "jobs"
"""Of a project's state, where packed files are kept."""
ENTRY = "lakehouse_job.py"


def artifacts_of(project: Project, python: str | None = None, jars: Sequence[Path] = ()) -> Artifacts:
    """What the project's jobs need.

    `python` is an archive that was made elsewhere: a file, or an address on S3. Without it, the environment's is taken,
    or this Python is packed.
    Raises SettingsError where there is no such file.
    """
    folder = project.state / FOLDER
    name, wheel = library_wheel()
    entry = resources.files("lakehouse_platform.jobs").joinpath("__main__.py").read_bytes()
    return Artifacts(
        _python(project, folder, python or project.environment.compute.python), _bytes(folder, name, wheel), _bytes(folder, ENTRY, entry),
        _bytes(folder, "project.zip", project_zip(project)), tuple(_file(jar) for jar in jars))


def artifacts_place(project: Project) -> Place:
    """Where the project's artifacts are kept. Raises SettingsError where the environment does not say."""
    environment = project.environment
    if environment.compute.artifacts is None:
        raise SettingsError(f"{environment.path}: it is not said where artifacts of jobs go. Add `compute: {{artifacts: s3://…}}`.")
    store = environment.lake.store
    return Place(project.account, environment.compute.artifacts, store.kms_key if store is not None else None)


def _python(project: Project, folder: Path, python: str | None) -> Artifact | str:
    if python is None:
        fingerprint = python_fingerprint()
        file = folder / fingerprint[:32] / "python.tar.gz"
        return Artifact(file.name, fingerprint, partial(_made, file, write_python), exact=False)
    if python.startswith("s3://"):
        return python
    file = project.folder / python
    if not file.is_file():
        raise SettingsError(f"{file}: there is no such file. Give a .tar.gz that venv-pack made, or an address on S3.")
    return _file(file)


def _file(file: Path) -> Artifact:
    return Artifact(file.name, sha256_of(file), lambda: file)


def _bytes(folder: Path, name: str, content: bytes) -> Artifact:
    fingerprint = sha256_of(content)
    return Artifact(name, fingerprint, partial(_made, folder / fingerprint[:32] / name, lambda file: file.write_bytes(content)))


def _made(file: Path, write: Callable[[Path], object]) -> Path:
    """The file, whole, whoever else makes it at the same time."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            write(Path(folder) / file.name)
            with suppress(FileExistsError):  # another process was first
                file.hardlink_to(Path(folder) / file.name)
    return file
