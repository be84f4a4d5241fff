"""The packed Python, made once for as long as what it is made of stays the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lakehouse_platform.jobs.packing.python import python_fingerprint, write_python


def packed_python() -> Path:
    """The archive. It is kept between sessions, in the system's folder for such things, and found by its fingerprint."""
    folder = Path(tempfile.gettempdir()) / "lakehouse-packed-python"
    file = folder / f"{python_fingerprint()}.tar.gz"
    if not file.is_file():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            write_python(Path(scratch) / file.name)
            (Path(scratch) / file.name).replace(file)
    return file
