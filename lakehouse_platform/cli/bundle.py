"""`lakehouse bundle`: what jobs are given, and its upload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lakehouse_platform.cli.place import Place, with_place

if TYPE_CHECKING:
    from lakehouse_platform.compute.artifacts import Artifact
    from lakehouse_platform.compute.artifacts import Place as Store


@click.command(short_help="Pack and upload what jobs on AWS need.")
@click.option("--python", metavar="ARCHIVE", help="A .tar.gz of a Python made elsewhere.  [default: compute.python, or this Python]")
@click.option("--dry-run", is_flag=True, help="Upload nothing; say what is there already.")
@with_place
def bundle(place: Place, python: str | None, *, dry_run: bool) -> None:
    """Pack a Python with what jobs need, the library and the contracts, and upload what is not there yet.

    Steps do it by themselves when they submit a job; this shows it, and does it before the first one. A Python that was packed here runs
    where the C library is at least as new as here. For an older image, pack on that image, with venv-pack, and give the archive.

    \b
    Examples:
      lakehouse bundle --env prod --dry-run
      lakehouse bundle --env prod
      lakehouse bundle --env prod --python python-al2023.tar.gz

    Exit codes: 0 all is there, 1 the environment runs no jobs or S3 refuses, 3 S3 does not answer.
    """
    from lakehouse_platform.compute.artifacts import upload
    from lakehouse_platform.jobs.packing import artifacts_of
    from lakehouse_platform.jobs.packing.bundle import artifacts_place

    project = place.open()
    store, found = artifacts_place(project), artifacts_of(project, python)
    for part in (found.python, found.wheel, found.entry, found.project, *found.jars):
        click.echo(_line(store, part))
    if not dry_run:
        click.echo(f"Bundle {upload(store, found).fingerprint[:12]} is there.")


def _line(store: Store, part: Artifact | str) -> str:
    from lakehouse_platform.compute.artifacts import size_there
    from lakehouse_platform.jobs.packing.python import python_manifest

    if isinstance(part, str):
        return f"{'given':>11}  {'':7}  {part}"
    held = size_there(store, part)
    size = held if held is not None else part.file().stat().st_size
    made = python_manifest() if not part.exact else {}
    needs = f"  ({made['machine']}, {made['libc']} or newer)" if made else ""
    return f"{size / 1e6:8.1f} MB  {'missing' if held is None else 'there':7}  {store.address(part)}{needs}"
