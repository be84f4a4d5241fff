"""How a Delta table lies: its active files by the log, and what their footers say of columns and row groups."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from deltalake.fs import DeltaStorageHandler

from lakehouse_platform.errors import UnknownName
from lakehouse_platform.lake.athena.scan import Bound, DataFile, Read


class TableLayout:
    """A Delta table's newest version, for its layout."""

    def __init__(self, uri: str, storage: Mapping[str, str] | None = None) -> None:
        """`storage` are delta-rs's options. Raises UnknownName where there is no table."""
        options = dict(storage or {}) or None
        try:
            self._delta = DeltaTable(uri, storage_options=options)
        except TableNotFoundError as error:
            raise UnknownName(f"{uri}: there is no table yet; materialize the asset that writes it first") from error
        self._files = pafs.PyFileSystem(DeltaStorageHandler(self._delta.table_uri, options))
        self._footer = lru_cache(maxsize=None)(self._read_footer)

    def files(self) -> tuple[DataFile, ...]:
        """The active files, in the order of the log. Decimals have no bounds there: the log keeps them as doubles."""
        return tuple(_data_file(action) for action in pa.table(self._delta.get_add_actions(flatten=True)).to_pylist())

    def measure(self, read: Read, file: DataFile) -> int:
        """Compressed bytes of the columns that are read, in the row groups that may hold wanted rows."""
        footer, wanted = self._footer(file.path), 0
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            columns = [group.column(place) for place in range(group.num_columns)]
            named = [(column.path_in_schema.split(".")[0], column) for column in columns]
            if all(_allowed(column.statistics, bound) for name, column in named for bound in read.bounds if bound.column == name):
                wanted += sum(column.total_compressed_size for name, column in named if name in read.columns)
        return wanted

    def _read_footer(self, path: str) -> pq.FileMetaData:
        with self._files.open_input_file(unquote(path)) as file:
            return pq.read_metadata(file)


def _allowed(statistics: pq.Statistics | None, bound: Bound) -> bool:
    return statistics is None or not statistics.has_min_max or bound.allows(statistics.min, statistics.max)


def _data_file(action: Mapping[str, object]) -> DataFile:
    def under(prefix: str) -> dict[str, object]:
        found = {name.removeprefix(prefix): value for name, value in action.items() if name.startswith(prefix)}
        return {name: value for name, value in found.items() if prefix == "partition." or not isinstance(value, float)}

    return DataFile(str(action["path"]), int(str(action["size_bytes"])), under("partition."), under("min."), under("max."))
