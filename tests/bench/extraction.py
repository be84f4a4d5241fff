"""Ways from PostgreSQL to a Delta table, one function a way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import polars as pl
import psycopg
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions
from adbc_driver_postgresql.dbapi import connect
from deltalake import write_deltalake

from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.zones import raw
from lakehouse_platform.zones.lake import Lake
from tests.bench.measure import Meter
from tests.core.postgres_cases import contract_of, source_of

TABLE = "lineitem"
COLUMNS = {
    "l_orderkey": "bigint", "l_partkey": "integer", "l_suppkey": "integer", "l_linenumber": "integer",
    "l_quantity": "numeric(15,2)", "l_extendedprice": "numeric(15,2)", "l_discount": "numeric(15,2)", "l_tax": "numeric(15,2)",
    "l_returnflag": "varchar(1)", "l_linestatus": "varchar(1)", "l_shipdate": "date", "l_commitdate": "date", "l_receiptdate": "date",
    "l_shipinstruct": "varchar(25)", "l_shipmode": "varchar(10)", "l_comment": "varchar(44)",
}
VALUES = """
    select g, 1 + hashint8(g) & 199999, 1 + hashint8(g + 1) & 9999, 1 + g % 7,
        1 + g % 50, 900 + (hashint8(g + 2) & 9999999) / 100.0, g % 11 / 100.0, g % 9 / 100.0,
        substr('ANR', 1 + (g % 3)::int, 1), substr('OF', 1 + (g % 2)::int, 1),
        date '1992-01-02' + (g % 2526)::int, date '1992-01-31' + (g % 2466)::int, date '1992-01-04' + (g % 2554)::int,
        (array['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + g % 4],
        (array['AIR', 'FOB', 'MAIL', 'RAIL', 'REG AIR', 'SHIP', 'TRUCK'])[1 + g % 7], left(md5(g::text), 20 + (g % 12)::int)
    from generate_series(1, {rows}::bigint) g
"""
"""As TPC-H's table: 16 columns, 4 of them numeric."""
DAY = "2026-03-02"


def fill(uri: str, rows: int) -> None:
    """Create the table at the source."""
    declared = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"create unlogged table {TABLE} ({declared}) with (autovacuum_enabled = off)".encode())
        connection.execute(f"insert into {TABLE} {VALUES.format(rows=rows)}".encode())
        connection.execute(f"vacuum analyze {TABLE}".encode())


def ours(meter: Meter, uri: str, folder: str) -> None:
    """The platform: change rows with fingerprints, in bounded memory."""
    contract = contract_of(COLUMNS, table=TABLE)
    lake, source = Lake(folder, PolarsEngine()), source_of(uri)
    with meter:
        raw.extract(lake, contract, source, DAY, run="bench")


def copied(meter: Meter, uri: str) -> None:
    """COPY, binary, drained: what the server takes to say it and a client to listen."""
    copying = f"copy {TABLE} to stdout (format binary)".encode()
    with psycopg.connect(uri) as connection, connection.cursor() as cursor, meter, cursor.copy(copying) as stream:
        for _ in stream:
            pass


def written(meter: Meter, uri: str, folder: str) -> None:
    """Arrow that is ready, as Delta."""
    ready = pa.Table.from_batches(list(_streamed(uri, _as_text())))
    with meter:
        write_deltalake(folder, ready)


def polars_adbc(meter: Meter, uri: str, folder: str) -> None:
    """Polars asks by ADBC, all of it in memory, and writes."""
    with meter:
        pl.read_database_uri(f"select * from {TABLE}", uri, engine="adbc").write_delta(folder)


def adbc_stream(meter: Meter, uri: str, folder: str) -> None:
    """ADBC's stream as it comes, numerics as the driver's own text."""
    with meter:
        write_deltalake(folder, _reader(_streamed(uri, "*")))


def adbc_decimals(meter: Meter, uri: str, folder: str) -> None:
    """ADBC's stream with numerics as decimals, by way of the server's text: as ours, without change rows."""
    with meter:
        write_deltalake(folder, _reader(_streamed(uri, _as_text())))


def _as_text() -> str:
    return ", ".join(f"{name}::text as {name}" if kind.startswith("numeric") else name for name, kind in COLUMNS.items())


def _streamed(uri: str, selected: str) -> Iterator[pa.RecordBatch]:
    with connect(uri) as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(4 << 20)})
        cursor.execute(f"select {selected} from {TABLE}")
        for batch in cursor.fetch_record_batch():
            columns = [_plain(batch.column(n), decimal=selected != "*" and COLUMNS[n].startswith("numeric")) for n in batch.schema.names]
            yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _plain(column: pa.Array[Any], *, decimal: bool) -> pa.Array[Any]:
    if isinstance(column, pa.ExtensionArray):
        return cast("pa.Array[Any]", column.storage)
    return column.cast(pa.decimal128(15, 2)) if decimal else column


def _reader(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    first = next(batches)

    def rest() -> Iterator[pa.RecordBatch]:
        yield first
        yield from batches

    return pa.RecordBatchReader.from_batches(first.schema, rest())
