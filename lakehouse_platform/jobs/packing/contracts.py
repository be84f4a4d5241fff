"""The project as a job needs it: contracts with their defaults and hatches, and the file of one environment."""

from __future__ import annotations

from collections.abc import Iterator

from lakehouse_platform.contracts.reading import APPROVALS
from lakehouse_platform.jobs.packing.archives import Member, zip_of
from lakehouse_platform.jobs.packing.library import is_source
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.settings import FOLDER


def project_zip(project: Project) -> bytes:
    """The ZIP. Files are as they are, so that the job reads the same fingerprints; secrets are not in them, only references."""
    return zip_of(_members(project))


def _members(project: Project) -> Iterator[Member]:
    for file in project.contracts_folder.rglob("*"):
        # Jobs judge no certificate: an approval between a try and its retry must not make another job of it.
        if file.is_file() and is_source(file) and not file.name.startswith(".") and not file.name.endswith(APPROVALS):
            yield Member(file.relative_to(project.folder).as_posix(), file)
    yield Member(f"{FOLDER}/{project.environment_name}.yaml", project.environment.path)
