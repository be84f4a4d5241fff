"""Arrow in and out of Spark without pandas.

PySpark 3.5 speaks Arrow in private methods only; the version is pinned, and nothing outside this file uses them.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import IOBase
from typing import Any

import pyarrow as pa
from pyspark.errors.exceptions.captured import unwrap_spark_exception
from pyspark.java_gateway import local_connect_and_auth
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.serializers import ArrowCollectSerializer
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    NullType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from lakehouse_platform.errors import TerminalError

FEW_BYTES = 1_000_000
"""Of computed rows that the driver keeps itself; more stay with those who computed them."""
_ROWS = 65_536
"""Rows of an Arrow batch, which becomes a partition: it bounds what Python holds at once."""
_TYPES: dict[pa.DataType, DataType] = {
    pa.bool_(): BooleanType(), pa.int8(): ByteType(), pa.int16(): ShortType(), pa.int32(): IntegerType(), pa.int64(): LongType(),
    pa.float32(): FloatType(), pa.float64(): DoubleType(), pa.string(): StringType(), pa.binary(): BinaryType(), pa.date32(): DateType(),
    pa.timestamp("us", "UTC"): TimestampType(), pa.timestamp("us"): TimestampNTZType(), pa.null(): NullType(),
}
"""PySpark's own table of these imports `distutils`, which Python 3.12 has no more."""
_ARROW = {spark: arrow for arrow, spark in _TYPES.items()}


def frame_of(session: SparkSession, rows: pa.Table | pa.RecordBatchReader) -> DataFrame:
    """Arrow rows as a frame. Python holds one batch at a time; what the reader raises is raised."""
    kept = pa.schema([pa.field(f.name, _sparkable(f.type)) for f in rows.schema])
    batches = rows.to_batches(_ROWS) if isinstance(rows, pa.Table) else rows
    return _received(session, kept, _cast(iter(batches), kept))


def table_of(frame: DataFrame) -> pa.Table:
    """Compute a frame."""
    schema = _arrow_schema(frame.schema)
    batches = [pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in _collected(frame)]
    return pa.Table.from_batches(batches, schema)


def computed(frame: DataFrame) -> DataFrame:
    """The rows of a frame, computed once. Few are kept as a literal of the plans that use them: Spark then knows how many they are, sends
    them to all instead of sorting both sides of a join, and leaves out whatever is joined with none.
    """
    if _estimated(frame) <= FEW_BYTES:
        return _literal(frame)
    kept = frame.localCheckpoint()
    return _literal(kept) if _stored(kept) <= FEW_BYTES else kept


def _estimated(frame: DataFrame) -> int:
    """Bytes by the optimizer's rules, which are rather too many than too few."""
    java: Any = frame._jdf  # noqa: SLF001
    return int(java.queryExecution().optimizedPlan().stats().sizeInBytes())


def _stored(kept: DataFrame) -> int:
    """Bytes of a checkpoint."""
    java: Any = kept._jdf  # noqa: SLF001
    rdd, context = java.queryExecution().logical().rdd().id(), java.sparkSession().sparkContext()
    return sum(int(info.memSize() + info.diskSize()) for info in context.getRDDStorageInfo() if info.id() == rdd)


def _literal(frame: DataFrame) -> DataFrame:
    """The rows never leave the JVM. Instants go through `java.time`, which is exact."""
    java: Any = frame._jdf  # noqa: SLF001
    session = frame.sparkSession
    made: Any = session._jsparkSession  # noqa: SLF001
    return DataFrame(made.createDataFrame(java.collectAsList(), java.schema()), session)


def _collected(frame: DataFrame) -> list[pa.RecordBatch]:
    """As `DataFrame._collect_as_arrow`, which leaves its socket open."""
    java: Any = frame._jdf  # noqa: SLF001
    connect: Any = local_connect_and_auth
    read: Any = ArrowCollectSerializer
    port, secret, server = java.collectAsArrowToPython()
    stream, connection = connect(port, secret)
    connection.settimeout(None)  # the first rows come when the whole plan has run
    with connection, stream:
        *batches, order = read().load_stream(stream)
    with unwrap_spark_exception():
        server.getResult()
    return [batches[place] for place in order]


def _received(session: SparkSession, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> DataFrame:
    """The stream goes through a file: Spark's JVM reads it, and keeps its bytes in the driver."""
    context: Any = session.sparkContext
    jvm: Any = session._jvm  # noqa: SLF001
    struct = StructType([StructField(f.name, _spark_type(f.type)) for f in schema])
    stream = context._serialize_to_jvm(  # noqa: SLF001
        batches, _Stream(schema), jvm.PythonSQLUtils.readArrowStreamFromFile, jvm.ArrowIteratorServer)
    return DataFrame(jvm.PythonSQLUtils.toDataFrame(stream, struct.json(), session._jsparkSession), session)  # noqa: SLF001


class _Stream:
    """What `_serialize_to_jvm` takes for a serializer: writes Arrow's stream format."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema

    def dump_stream(self, batches: Iterator[pa.RecordBatch], stream: IOBase) -> None:
        with pa.RecordBatchStreamWriter(stream, self._schema) as writer:
            for batch in batches:
                writer.write_batch(batch)


def _cast(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS):
            part = batch.slice(start, _ROWS)
            yield part if part.schema.equals(schema) else pa.RecordBatch.from_arrays(
                [column.cast(field.type) for column, field in zip(part.columns, schema, strict=True)], schema=schema)


def _sparkable(kind: pa.DataType) -> pa.DataType:
    """The nearest type that Spark reads: no dictionaries, views or large offsets, instants in microseconds of UTC."""
    if pa.types.is_dictionary(kind):
        return _sparkable(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz and "UTC")
    return kind


def _spark_type(kind: pa.DataType) -> DataType:
    if pa.types.is_decimal(kind):
        return DecimalType(kind.precision, kind.scale)
    if kind not in _TYPES:
        raise TerminalError(f"Spark has no column of Arrow's {kind}. It has {', '.join(map(str, _TYPES))} and decimals: cast it first.")
    return _TYPES[kind]


def _arrow_schema(schema: StructType) -> pa.Schema:
    return pa.schema([pa.field(f.name, _arrow_type(f.dataType)) for f in schema])


def _arrow_type(kind: DataType) -> pa.DataType:
    if isinstance(kind, DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    if kind not in _ARROW:
        raise TerminalError(f"A frame with a column of Spark's {kind.simpleString()} has no Arrow form here: select its parts.")
    return _ARROW[kind]
