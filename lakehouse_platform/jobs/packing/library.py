"""The library as a wheel, from wherever it is installed: a wheel or a checkout."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path

from lakehouse_platform.jobs.packing.archives import Member, zip_of

LIBRARY = "lakehouse_platform"
DISTRIBUTION = "lakehouse-platform"
WHEEL = "Wheel-Version: 1.0\nGenerator: lakehouse-platform\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def library_wheel() -> tuple[str, bytes]:
    """Name and content of the wheel."""
    installed = metadata.distribution(DISTRIBUTION)
    folder = f"{LIBRARY}-{installed.version}.dist-info"
    members = [
        *library_files(),
        Member(f"{folder}/METADATA", (installed.read_text("METADATA") or "").encode()),
        Member(f"{folder}/WHEEL", WHEEL.encode()),
        Member(f"{folder}/entry_points.txt", (installed.read_text("entry_points.txt") or "").encode()),
    ]
    record = "".join(map(_recorded, sorted(members, key=lambda member: member.name))) + f"{folder}/RECORD,,\n"
    return f"{LIBRARY}-{installed.version}-py3-none-any.whl", zip_of([*members, Member(f"{folder}/RECORD", record.encode())])


def _recorded(member: Member) -> str:
    content = member.read()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{member.name},sha256={digest},{len(content)}\n"


def library_files() -> Iterator[Member]:
    """Every file of the library, whatever it is for."""
    with resources.as_file(resources.files(LIBRARY)) as folder:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and is_source(file):
                yield Member(f"{LIBRARY}/{file.relative_to(folder).as_posix()}", file.read_bytes())


def is_source(file: Path) -> bool:
    """Whether a file was written, and not left behind by Python."""
    return "__pycache__" not in file.parts and file.suffix != ".pyc"
