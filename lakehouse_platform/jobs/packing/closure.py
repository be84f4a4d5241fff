"""The installed distributions that a job needs, found from the library's own requirements: exactly the versions that run here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import PurePosixPath

from lakehouse_platform.errors import TerminalError
from lakehouse_platform.jobs.packing.archives import Member
from lakehouse_platform.jobs.packing.library import DISTRIBUTION

EXTRA = "job"
KEPT_METADATA = {"METADATA", "WHEEL", "entry_points.txt", "top_level.txt"}
"""Of a `.dist-info`; the rest says how and where it was installed."""
SERVICES = {"athena", "glue", "kms", "logs", "s3", "sso", "sso-oidc", "sts"}
"""Of AWS, whose descriptions are kept; those of the other 400 are most of botocore."""
LEFT_OUT = ("pyarrow/include/", "pyarrow/tests/", "pyarrow/src/", "pyarrow/includes/", "pyarrow/_flight")
"""Headers, tests, and what Arrow has for servers of its own."""
LEFT_OUT_LIBRARIES = ("libarrow_flight", "libarrow_python_flight")
NOT_RUN = {".pyc", ".pyx", ".pxd", ".pxi", ".pyi", ".h", ".hpp", ".c", ".cc", ".a"}


def closure(distribution: str = DISTRIBUTION, extra: str = EXTRA) -> dict[str, metadata.Distribution]:
    """By normalized name, what `distribution[extra]` needs, without itself. Raises TerminalError for what is not installed."""
    found: dict[str, metadata.Distribution] = {}
    asked: set[tuple[str, str]] = set()
    _follow(distribution, {extra}, found, asked)
    return {name: found[name] for name in sorted(found) if name != _normal(distribution)}


def _follow(name: str, extras: set[str], found: dict[str, metadata.Distribution], asked: set[tuple[str, str]]) -> None:
    from packaging.requirements import Requirement

    wanted = {(_normal(name), extra) for extra in extras | {""}} - asked
    if not wanted:
        return
    asked |= wanted
    installed = found.setdefault(_normal(name), _installed(name))
    for line in installed.requires or ():
        needed = Requirement(line)
        if any(needed.marker is None or needed.marker.evaluate({"extra": extra}) for _, extra in wanted):
            _follow(needed.name, set(needed.extras), found, asked)


def _installed(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise TerminalError(f'{name} is not installed, and jobs need it. Run: pip install "{DISTRIBUTION}[{EXTRA}]"') from None


def _normal(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def digests(distribution: metadata.Distribution) -> Mapping[str, str]:
    """Digest of each file that is packed, as it was when it was installed. Raises TerminalError for an editable install."""
    files = distribution.files
    if files is None or any(file.name.startswith("__editable__") or file.suffix == ".pth" for file in files if file.parent == _HERE):
        raise TerminalError(f"{distribution.name} is not installed from a wheel, so it cannot be packed for jobs. Install it from one.")
    return {file.as_posix(): file.hash.value if file.hash else "" for file in files if is_packed(file)}


_HERE = PurePosixPath()


def distribution_files(distribution: metadata.Distribution) -> Iterator[Member]:
    """The files that are packed, by their place in `site-packages`."""
    from pathlib import Path

    for name in digests(distribution):
        path = Path(str(distribution.locate_file(name)))
        if path.is_file():
            yield Member(name, path, executable=".so" in path.suffixes)


def is_packed(file: PurePosixPath) -> bool:
    """Whether a job can have any use for an installed file."""
    if file.is_absolute() or ".." in file.parts or "__pycache__" in file.parts or "tests" in file.parts or file.suffix in NOT_RUN:
        return False
    if file.parts[0].endswith(".dist-info"):
        return file.name in KEPT_METADATA
    if file.parts[:2] == ("botocore", "data") and len(file.parts) > 3:
        return file.parts[2] in SERVICES
    return not file.as_posix().startswith(LEFT_OUT) and not file.name.startswith(LEFT_OUT_LIBRARIES)
