"""DuckDB's Delta extension, loaded from the wheel that carries it: nothing is downloaded, nothing is installed into a home folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from lakehouse_platform.errors import TerminalError

PACKAGE = "duckdb_extension_delta"


class ExtensionMissing(TerminalError):
    """The wheel with DuckDB's Delta extension is not installed, or is made for another DuckDB."""


def extension_file() -> Path:
    """The extension that fits the installed DuckDB."""
    spec = find_spec(PACKAGE)
    folders = [Path(p) for p in (spec.submodule_search_locations or [])] if spec else []
    found = [f for folder in folders for f in folder.glob(f"extensions/v{duckdb.__version__}/delta.duckdb_extension")]
    if not found:
        raise ExtensionMissing(
            f"DuckDB {duckdb.__version__} has no Delta extension here. Install duckdb-extension-delta=={duckdb.__version__}, "
            'as the extra does: pip install "lakehouse-platform[local]"'
        )
    return found[0]


def load_delta(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the connection `delta_scan`."""
    connection.execute(f"LOAD '{sql_text(str(extension_file()))}'")


def sql_text(text: str) -> str:
    """`text` as it stands between an SQL string's quotes."""
    return text.replace("'", "''")


def sql_name(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
