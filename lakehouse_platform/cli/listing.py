"""Commands that show what the lake holds: status, query, quarantine."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from lakehouse_platform.cli.place import Place, with_place
from lakehouse_platform.cli.terminal import Heading, duration, figure, instant, show_table

if TYPE_CHECKING:
    import pyarrow as pa

    from lakehouse_platform.jobs.project import Project
    from lakehouse_platform.lake.query import LakeQuery
    from lakehouse_platform.zones.status import TableStatus

SHOWN = 100
"""Rows of a query that a table shows unless told otherwise."""


@click.command(short_help="Show what each table holds, how fresh it is.")
@click.argument("tables", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@with_place
def status(place: Place, tables: tuple[str, ...], *, as_json: bool) -> None:
    """Show what each table holds: rows a zone, last partition, how complete and fresh it is, and its checks.

    All tables, or those named: `domain.table`, or `table` where only one domain has it.

    \b
    Examples:
      lakehouse status
      lakehouse status finance.invoice gl_journal
      lakehouse status --json | jq '.[] | select(.fresh == false)'

    Exit codes: 0 shown, 1 contracts are not valid, 2 there is no such table.
    """
    project = place.open()
    found, now = statuses(project, tables), dt.datetime.now(tz=dt.UTC)
    if as_json:
        click.echo(json.dumps([as_record(s, now) for s in found], indent=2))
    else:
        show_status(found, now)


def statuses(project: Project, names: Sequence[str] = ()) -> list[TableStatus]:
    """What the lake says of the tables called `names`, or of all; marts come last."""
    from lakehouse_platform.zones.status import status as status_of

    wanted = [project.contract(name) for name in names] or [*project.tables, *project.marts]
    return [status_of(project.lake, contract) for contract in wanted]


def as_record(table: TableStatus, now: dt.datetime) -> dict[str, object]:
    """A table's status as JSON takes it."""
    through = table.complete_through
    return {
        "table": table.contract.name, "owner": table.contract.owner, "last_partition": table.last_partition,
        "rows": {zone.zone: zone.rows for zone in table.zones},
        "partitions": {zone.zone: list(zone.partitions) for zone in table.zones},
        "complete_through": through.isoformat() if through is not None else None,
        "fresh": table.fresh(now), "parked": table.parked, "quarantined": table.quarantined,
        "checks": [{"name": r.rule, "on_failure": str(r.on_failure), "failed": r.failed, "evaluated": r.evaluated} for r in table.results],
    }


def show_status(tables: Iterable[TableStatus], now: dt.datetime) -> None:
    """Print one line a table."""
    zones = ("raw", "ods", "hds", "curated")
    headings = [Heading("table"), *(Heading(zone, right=True) for zone in zones), Heading("last partition"),
                Heading("complete through"), Heading("freshness"), Heading("held back", right=True), Heading("checks")]
    show_table(headings, (
        [t.contract.name, *(figure(z.rows if (z := t.zone(zone)) else None) for zone in zones), t.last_partition or "·",
         instant(t.complete_through), freshness(t, now), figure(t.quarantined or None), checks(t)]
        for t in tables))


def freshness(table: TableStatus, now: dt.datetime) -> str:
    """Whether the data is as young as promised, and how old it is."""
    through, promised = table.complete_through, table.contract.freshness
    if through is None or promised is None:
        return "·"
    age = f"{duration((now - through).total_seconds())} old"
    return f"fresh, {age}" if table.fresh(now) else f"late, {age}; promised {duration(promised.total_seconds())}"


def checks(table: TableStatus) -> str:
    """How many rules of the newest judgement nothing broke, and the names of the others."""
    if not table.results:
        return "·"
    broken = [result.rule for result in table.results if not result.passed]
    passed = f"{len(table.results) - len(broken)} of {len(table.results)}"
    return passed if not broken else f"{passed}; not {', '.join(broken)}"


@click.command(short_help="Run SQL over the lake.")
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="A JSON array with one object a row; decimals and instants are strings.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N",
              help=f"Show at most N rows; 0 for all.  [default: {SHOWN} in a table, all in JSON and CSV]")
@click.option("--engine", "runner", type=click.Choice(["duckdb", "athena"]), default="duckdb", show_default=True,
              help="What runs the query: DuckDB on this machine, or Athena, in its own SQL.")
@click.option("--workgroup", metavar="NAME", help="Athena's workgroup.  [default: that of the first table's domain]")
@with_place
def query(
    place: Place, sql: str, *, as_json: bool, as_csv: bool, limit: int | None, runner: str, workgroup: str | None,
) -> None:
    """Run one SELECT over the lake; tables are called `zone.domain.table`. Works while a run is going.

    DuckDB reads every table at one version, the newest when the query begins. Athena says on standard error what it read and what that
    cost; a query whose wait is interrupted is stopped. Instants are UTC.

    \b
    Examples:
      lakehouse query "select * from ods.finance.invoice limit 5"
      lakehouse query "select region, sum(revenue_usd) from curated.finance.kpi_revenue_daily group by 1"
      lakehouse query "select * from hds.customer.customer where is_current" --csv > customers.csv
      lakehouse query "show all tables"
      lakehouse query --engine athena --env production "select count(*) from ods.finance.invoice"

    Exit codes: 0 shown, 1 the query is not right, 2 there is no such table.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv cannot both be had.")
    most = (0 if as_json or as_csv else SHOWN) if limit is None else limit
    write = _write_json if as_json else _write_csv if as_csv else _write_table
    run = {"duckdb": _on_duckdb, "athena": _on_athena}[runner]
    with run(place.open(), sql, workgroup) as rows:
        write(rows, most)


@contextmanager
def _on_duckdb(project: Project, sql: str, workgroup: str | None) -> Iterator[pa.RecordBatchReader]:
    if workgroup:
        raise click.UsageError("--workgroup is Athena's: it needs --engine athena.")
    with lake_query(project) as session:
        yield session.stream(sql)


@contextmanager
def _on_athena(project: Project, sql: str, workgroup: str | None) -> Iterator[pa.RecordBatchReader]:
    from lakehouse_platform.jobs.athena import athena_query

    answer = athena_query(project).run(sql, workgroup=workgroup)
    price = f", {answer.cost:.6f} USD" if answer.cost else ""
    click.echo(f"{answer.workgroup}: {answer.bytes_scanned:,} bytes read in {answer.seconds:.1f} s{price} (query {answer.id})", err=True)
    yield answer.rows


def lake_query(project: Project) -> LakeQuery:
    """A session over every table of the project."""
    from lakehouse_platform.lake.query import LakeQuery

    relations = [
        (zone, contract.domain, contract.table, project.lake.uri(zone, contract))
        for contract in project.contracts for zone in (("curated",) if contract.model is not None else ("raw", "ods", "hds"))
    ]
    return LakeQuery(project.environment.lake.root, relations, project.environment.lake.store)


Row = tuple[object, ...]


def _rows(result: pa.RecordBatchReader) -> Iterator[Row]:
    for batch in result:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _first(rows: Iterator[Row], most: int) -> Iterator[Row]:
    return itertools.islice(rows, most) if most else rows


def _write_json(result: pa.RecordBatchReader, most: int) -> None:
    click.echo("[", nl=False)
    for number, row in enumerate(_first(_rows(result), most)):
        record = dict(zip(result.schema.names, map(_plain, row), strict=True))
        click.echo(f"{',' if number else ''}\n {json.dumps(record, default=_text, ensure_ascii=False)}", nl=False)
    click.echo("\n]")


def _plain(value: object) -> object:
    """JSON has no NaN and no infinity."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _write_csv(result: pa.RecordBatchReader, most: int) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.schema.names)
    writer.writerows([None if value is None else _text(value) for value in row] for row in _first(_rows(result), most))


def _write_table(result: pa.RecordBatchReader, most: int) -> None:
    import pyarrow as pa

    schema, rows = result.schema, _rows(result)
    shown = list(_first(rows, most))
    more = most > 0 and next(rows, None) is not None
    numeric = [pa.types.is_integer(f.type) or pa.types.is_floating(f.type) or pa.types.is_decimal(f.type) for f in schema]
    headings = [Heading(name, right=right) for name, right in zip(schema.names, numeric, strict=True)]
    show_table(headings, ([_cell(value) for value in row] for row in shown))
    click.echo(f"{len(shown):,} row{'' if len(shown) == 1 else 's'}{'; there are more: --limit 0 shows all' if more else ''}", err=True)


def _cell(value: object) -> str:
    return "NULL" if value is None else _text(value)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat(" ") if isinstance(value, dt.datetime) else str(value)


@click.command(short_help="Show the rows that the gate holds back.")
@click.argument("table")
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of a table.")
@with_place
def quarantine(place: Place, table: str, *, as_json: bool) -> None:
    """Show the rows of TABLE that the gate holds back: business day, batch, row in Raw, key, and the rule that they break.

    Keys that the contract classifies are masked, and values are never shown: the row's place in Raw is, for those who may look there.

    \b
    Examples:
      lakehouse quarantine finance.invoice
      lakehouse quarantine finance.invoice --json

    Exit codes: 0 shown, 2 there is no such table.
    """
    project = place.open()
    held = held_back(project, table)
    if as_json:
        click.echo(json.dumps(held, indent=2, default=str))
    elif not held:
        click.echo(f"{project.contract(table).name}: no row is held back.")
    else:
        headings = [Heading("partition"), Heading("batch"), Heading("row", right=True), Heading("key"), Heading("rule"), Heading("reason")]
        show_table(headings, ([str(value) for value in record.values()] for record in held))


def held_back(project: Project, table: str) -> list[dict[str, object]]:
    """Rows that are held back now, oldest partition first."""
    from lakehouse_platform.zones import gate

    contract = project.contract(table)
    if contract.source is None or not project.lake.engine.exists(project.lake.gate_uri(contract)):
        return []
    names = {"_partition": "partition", "_batch_id": "batch", "_row": "row", "key": "key", "rule": "rule", "reason": "reason"}
    rows = ({new: record[old] for old, new in names.items()} for record in gate.quarantine(project.lake, contract).to_pylist())
    return sorted(rows, key=lambda r: (r["partition"], r["batch"], r["row"], r["rule"]))
