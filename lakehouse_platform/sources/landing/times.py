"""Times in files: what is written without an offset means a wall clock somewhere."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

Values: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"
INSTANT = pa.timestamp("us", "UTC")
_WALL = r"^\s*(\d{4}-\d{1,2}-\d{1,2})[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)\s*$"
_CLOCK, _OFFSET, _DAY = "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d"


def zoned(values: Values, zone: str) -> Values:
    """Timestamps, or texts of such, with wall-clock times as the instants that they mean in the zone.

    An hour that comes twice is its first. Texts that are no wall-clock time, or one that the clock skipped, stay as they are.
    """
    if pa.types.is_timestamp(values.type):
        wall_clock = cast("pa.TimestampArray[Any, None]", values)
        return values if values.type.tz else pc.assume_timezone(wall_clock, zone, ambiguous="earliest", nonexistent="earliest")
    day, time = (pl.col("t").str.extract(_WALL, group) for group in (1, 2))
    full = pl.when(time.str.count_matches(":") == 1).then(time + ":00").otherwise(time)
    moment = _in_zone(pl.concat_str(day, pl.lit(" "), full).str.to_datetime(_CLOCK, time_unit="us", strict=False), zone)
    return _computed(values, pl.coalesce(moment.dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00"), "t")).cast(pa.string())


def instants(values: Values, zone: str) -> Values:
    """Timestamps, dates, or texts of such, as instants; a date is its first one in the zone, and what is no time is NULL."""
    if pa.types.is_timestamp(values.type):
        return values
    text = pl.col("t").str.strip_chars().str.replace("T", " ", literal=True)
    moment = text.str.to_datetime(_OFFSET, time_unit="us", strict=False).dt.convert_time_zone("UTC")
    midnight = _in_zone(text.str.to_datetime(_DAY, time_unit="us", strict=False), zone)
    return _computed(pc.cast(values, pa.string()), pl.coalesce(moment, midnight)).cast(INSTANT)


def _in_zone(clock: pl.Expr, zone: str) -> pl.Expr:
    return clock.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def _computed(values: Values, expression: pl.Expr) -> pa.Array[Any]:
    return pl.Series("t", pl.from_arrow(values)).to_frame().select(expression.alias("t")).to_series().to_arrow()
