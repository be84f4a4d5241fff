"""Commands about the Glue catalog: sync, list, orphans, crawl."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from lakehouse_platform.cli.place import Place, with_place
from lakehouse_platform.cli.terminal import Heading, figure, instant, show_table, showing
from lakehouse_platform.errors import UnknownName, did_you_mean

if TYPE_CHECKING:
    from lakehouse_platform.catalog.audit import Mismatch
    from lakehouse_platform.catalog.glue import Registration
    from lakehouse_platform.contracts.contract import Contract
    from lakehouse_platform.jobs.project import Project

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(context_settings=CONTEXT, short_help="Keep the Glue catalog true: register, list, clean up, audit.")
def catalog() -> None:
    """The Glue Data Catalog, through which Athena and Spark see the lake. Every step registers its table when it has committed.

    \b
    Examples:
      lakehouse catalog sync --env prod     register what is not registered as it is
      lakehouse catalog list --env prod     what is registered
      lakehouse catalog orphans --env prod  what nothing stands behind any more
      lakehouse catalog crawl --env prod    let AWS look at Raw, and compare

    Exit codes: 0 done, 1 something is wrong and has to be changed, 2 there is no such table or domain, 3 try again.
    """


@catalog.command(short_help="Register tables as their contracts and logs have them.")
@click.argument("tables", nargs=-1)
@with_place
def sync(place: Place, tables: tuple[str, ...]) -> None:
    """Register every table of the lake, or those named, as its contract and its Delta log have it now.

    What is registered so already is only read. Tables of others are never touched.

    \b
    Examples:
      lakehouse catalog sync --env prod
      lakehouse catalog sync finance.invoice --env prod

    Exit codes: 0 registered, 1 a table of somebody else has the name, 2 there is no such table, 3 Glue did not answer.
    """
    project = place.open()
    prefix = project.catalog.prefix
    wanted = [project.contract(name) for name in tables] or project.contracts
    done = list(_register(project, prefix, wanted))
    changed = [d for d in done if str(d.applied) != "unchanged"]
    if changed:
        headings = [Heading("database"), Heading("table"), Heading("done"), Heading("changes")]
        show_table(headings, ([d.database, d.table, str(d.applied), "; ".join(d.changes) or "·"] for d in changed))
    click.echo(f"{_counted(len(done), 'table')}: {_sum(str(d.applied) for d in done)}.")


def _register(project: Project, prefix: str, contracts: Sequence[Contract]) -> Iterator[Registration]:
    from lakehouse_platform.catalog.tables import zones_of
    from lakehouse_platform.jobs.registration import registered

    with showing() as stages:
        stages.stage(f"Registering in {prefix}", len(contracts))
        for contract in contracts:
            for zone in zones_of(contract):
                if (done := registered(project, zone, contract)) is not None:
                    yield done
            stages.step(contract.name)


@catalog.command("list", short_help="Show what is registered.")
@click.argument("domains", nargs=-1)
@with_place
def listing(place: Place, domains: tuple[str, ...]) -> None:
    """Show the tables that the platform has registered, of all domains or those named: where, how wide, since when, by which contract.

    \b
    Examples:
      lakehouse catalog list --env prod
      lakehouse catalog list finance risk --env prod

    Exit codes: 0 shown, 1 the environment has no catalog, 2 there is no such domain, 3 Glue did not answer.
    """
    from lakehouse_platform.catalog.glue import tables_of
    from lakehouse_platform.catalog.tables import CONTRACT, read_table

    project = place.open()
    settings, glue = project.catalog, project.account.glue
    held = [table for domain in domains_of(project, domains) for table in tables_of(glue, settings.prefix, domain).values()]
    versions = {contract.name: contract.fingerprint for contract in project.contracts}
    headings = [Heading("database"), Heading("table"), Heading("columns", right=True), Heading("partitioned by"),
                Heading("changed"), Heading("contract"), Heading("as declared")]
    show_table(headings, (
        [read.database, read.name, figure(len(read.schema)), ", ".join(c.name for c in read.partition_keys) or "·",
         instant(table.get("UpdateTime") or table.get("CreateTime")), f"{said[CONTRACT]} {said.get(f'{CONTRACT}.version', '')}",
         _as_declared(versions.get(said[CONTRACT]), said.get(f"{CONTRACT}.fingerprint"))]
        for table in held for read in [read_table(table)] for said in [read.parameters]))


def _as_declared(fingerprint: str | None, registered: str | None) -> str:
    if fingerprint is None:
        return "no such contract"
    return "yes" if fingerprint == registered else "an older contract"


@catalog.command(short_help="Show what nothing stands behind any more.")
@click.option("--remove", is_flag=True, help="Take them out of the catalog; the lake is not touched.")
@with_place
def orphans(place: Place, *, remove: bool) -> None:
    """Show tables that the platform registered and that nothing stands behind any more: no contract, or no Delta table.

    They stay until somebody asks for their removal. Tables of others are never looked at.

    \b
    Examples:
      lakehouse catalog orphans --env prod
      lakehouse catalog orphans --remove --env prod

    Exit codes: 0 shown or removed, 1 the environment has no catalog, 3 Glue did not answer.
    """
    from lakehouse_platform.catalog.orphans import find_orphans, remove_orphans

    project = place.open()
    settings, glue = project.catalog, project.account.glue
    found = find_orphans(glue, settings.prefix, project.contracts, project.lake.engine.exists)
    if found:
        headings = [Heading("database"), Heading("table"), Heading("location"), Heading("why")]
        show_table(headings, ([o.database, o.table, o.location, o.reason] for o in found))
    if remove:
        click.echo(f"{_counted(len(remove_orphans(glue, found)), 'orphan')} removed.")
    else:
        click.echo(f"{_counted(len(found), 'orphan')}.{' Remove them with: lakehouse catalog orphans --remove' if found else ''}")


@catalog.command(short_help="Let crawlers look at Raw, and compare.")
@click.argument("domains", nargs=-1)
@with_place
def crawl(place: Place, domains: tuple[str, ...]) -> int:
    """Run the crawler of each domain over its Raw tables, wait, and hold what it found against what is registered.

    Crawlers write into databases of their own, <prefix>_audit_<domain>, which nothing reads from. A column that AWS sees and the
    catalog does not, or the other way round, means that something else than the platform has written to Raw.

    \b
    Examples:
      lakehouse catalog crawl --env prod
      lakehouse catalog crawl finance --env prod

    Exit codes: 0 they agree, 1 they do not, or a crawler failed, 2 there is no such domain, 3 a crawler takes too long.
    """
    from lakehouse_platform.jobs.audit import audit, raw_tables

    project = place.open()
    prefix = project.catalog.prefix
    crawled: dict[str, tuple[Mismatch, ...]] = {}
    with showing() as stages:
        for domain, tables in raw_tables(project, domains_of(project, domains)):
            stages.stage(f"Crawling {domain}", 0)
            crawled[domain] = audit(project, domain, tables)
    found = [mismatch for mismatches in crawled.values() for mismatch in mismatches]
    if not found:
        agreed = f"{', '.join(crawled)}: what the crawlers found is what is registered."
        click.echo(agreed if crawled else f"{prefix}: there is no Raw table yet.")
        return 0
    headings = [Heading("table"), Heading("column"), Heading("change"), Heading("registered"), Heading("found"), Heading("since")]
    show_table(headings, (
        [m.contract, m.column or "·", str(m.change), m.declared or "·", m.found or "·", instant(m.since)] for m in found))
    return 1


def domains_of(project: Project, names: Sequence[str]) -> list[str]:
    """The domains called `names`, or all. Raises UnknownName."""
    known = sorted({contract.domain for contract in project.contracts})
    for name in names:
        if name not in known:
            raise UnknownName(f'unknown domain "{name}". {did_you_mean(name, known, noun="domains")}')
    return list(names) or known


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _sum(done: Iterable[str]) -> str:
    """How many of each, as in `1 created, 20 unchanged`."""
    return ", ".join(f"{number:,} {word}" for word, number in sorted(Counter(done).items())) or "nothing to register yet"
