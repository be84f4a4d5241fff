"""A Python to take along: the one that runs here, with what jobs need, so that nothing has to be there where it is unpacked.

It starts where the C library is at least as new as here: for images of a service, pack on their own system, or use an archive that was made
there with `venv-pack`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from lakehouse_platform.errors import TerminalError
from lakehouse_platform.jobs.packing.archives import Member, write_tar_gz
from lakehouse_platform.jobs.packing.closure import closure, digests, distribution_files

LAYOUT = 1
"""Of the archive; a change of what is packed is a new Python."""
MANIFEST = "lakehouse-python.json"
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
START = f"""\
#!/bin/sh
# Python with its own libraries before the system's, and without the user's packages.
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="$here/../lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}" PYTHONNOUSERSITE=1
exec "$here/{VERSION}" "$@"
"""
LEFT_OUT = {"__pycache__", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test", "tests", "tkinter", "turtledemo"}
"""Folders of the standard library that no job uses."""
LEFT_OUT_MODULES = ("_crypt", "_ctypes_test", "_curses", "_dbm", "_gdbm", "_test", "_tkinter", "_xxtest", "nis", "ossaudiodev", "readline")
"""Its native modules that are for terminals and tests, or need libraries that images lack."""
SYSTEMS_OWN = re.compile(r"(ld-linux.*|linux-vdso|lib(c|m|dl|rt|pthread|util|resolv|anl|mvec|gcc_s|stdc\+\+))\.so.*")
"""Libraries that belong to the system that the job runs on."""


def python_manifest() -> Mapping[str, object]:
    """What is packed, and for which machines."""
    library, version = platform.libc_ver()
    return {
        "layout": LAYOUT, "python": platform.python_version(), "machine": platform.machine(), "libc": f"{library} {version}".strip(),
        "distributions": {name: found.version for name, found in _needed().items()},
    }  # fmt: skip


@cache
def python_fingerprint() -> str:
    """Digest of what the archive is made of; it is known without making it."""
    stdlib = sorted((member.name, _size(member)) for member in _base())
    packed = {name: dict(digests(found)) for name, found in _needed().items()}
    text = json.dumps([python_manifest(), sys.version, sysconfig.get_platform(), START, stdlib, packed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_python(file: Path) -> None:
    """Write the `.tar.gz`; takes some ten seconds. Raises TerminalError on systems other than Linux."""
    if sys.platform != "linux":
        raise TerminalError("a Python for jobs can only be packed on Linux. Give an archive that was made there: compute.python.")
    write_tar_gz(file, _members())


def _members() -> Iterator[Member]:
    base = list(_base())
    yield from base
    yield from _native_libraries(member.content for member in base if isinstance(member.content, Path))
    for found in _needed().values():
        for member in distribution_files(found):
            yield Member(f"lib/{VERSION}/site-packages/{member.name}", member.content, member.executable)
    yield Member(MANIFEST, json.dumps(python_manifest(), indent=2, sort_keys=True).encode())


def _base() -> Iterator[Member]:
    """The interpreter and the standard library."""
    yield from (Member(f"bin/{name}", START.encode(), executable=True) for name in ("python", "python3"))
    yield Member(f"bin/{VERSION}", _interpreter(), executable=True)
    stdlib = Path(sysconfig.get_path("stdlib"))
    for folder, folders, files in os.walk(stdlib):
        folders[:] = [name for name in folders if name not in LEFT_OUT and not name.startswith("config-")]
        for file in (Path(folder) / name for name in files):
            if _is_kept(file):
                yield Member(f"lib/{VERSION}/{file.relative_to(stdlib).as_posix()}", file, executable=file.suffix == ".so")


def _interpreter() -> Path:
    file = Path(sys.base_prefix) / "bin" / VERSION
    return (file if file.is_file() else Path(sys.executable)).resolve()


def _is_kept(file: Path) -> bool:
    return file.suffix not in (".pyc", ".a") and not (file.parent.name == "lib-dynload" and file.name.startswith(LEFT_OUT_MODULES))


def _native_libraries(files: Iterable[Path]) -> Iterator[Member]:
    """What the interpreter and its native modules are linked with, beside what every system has."""
    linked: dict[str, Path] = {}
    for file in files:
        if file.suffix == ".so" or file.name == VERSION:
            linked |= _linked(file)
    for name, path in linked.items():
        yield Member(f"lib/{name}", path.resolve(), executable=True)


def _linked(file: Path) -> dict[str, Path]:
    listed = subprocess.run(["/usr/bin/ldd", str(file)], capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^\s*(\S+) => (/\S+)", listed, re.MULTILINE)
    return {name: Path(path) for name, path in found if not SYSTEMS_OWN.fullmatch(name)}


def _size(member: Member) -> int:
    return len(member.content) if isinstance(member.content, bytes) else member.content.stat().st_size


@cache
def _needed() -> Mapping[str, metadata.Distribution]:
    return closure()
