"""DuckDB's extensions, loaded from the wheels that carry them: nothing is downloaded, nothing is installed into a home folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from lakehouse_platform.errors import TerminalError

EXTRAS = {"delta": "local", "httpfs": "aws"}
"""Extensions, and the extra of this package that brings the wheel of each."""


class ExtensionMissing(TerminalError):
    """The wheel with an extension of DuckDB is not installed, or is made for another DuckDB."""


def extension_file(name: str) -> Path:
    """The extension that fits the installed DuckDB."""
    spec = find_spec(f"duckdb_extension_{name}")
    folders = [Path(p) for p in (spec.submodule_search_locations or [])] if spec else []
    found = [f for folder in folders for f in folder.glob(f"extensions/v{duckdb.__version__}/{name}.duckdb_extension")]
    if not found:
        raise ExtensionMissing(
            f"DuckDB {duckdb.__version__} has no {name} extension here. Install duckdb-extension-{name}=={duckdb.__version__}, "
            f'as the extra does: pip install "lakehouse-platform[{EXTRAS[name]}]"'
        )
    return found[0]


def load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension. Raises ExtensionMissing."""
    connection.execute(f"LOAD '{sql_text(str(extension_file(name)))}'")


def load_delta(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the connection `delta_scan`."""
    load(connection, "delta")


def sql_text(text: str) -> str:
    """`text` as it stands between an SQL string's quotes."""
    return text.replace("'", "''")


def sql_name(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
