"""Marts in Redshift: built by dbt from the tables that were loaded there, tested there, and held against the lake's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.errors import SettingsError, UnknownName
from lakehouse_platform.jobs.marts import Mart, checks_of_tests, mart_complete_through, mart_project, masked
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import CheckOutcome, CheckSpec, Figure, Outcome
from lakehouse_platform.naming import Zone
from lakehouse_platform.publish.agreement import DUCKDB, REDSHIFT, Comparison, compare, figures_query
from lakehouse_platform.publish.project import Build, BuildFailed, MartProject
from lakehouse_platform.settings import Redshift
from lakehouse_platform.warehouse.base import Place
from lakehouse_platform.warehouse.columns import place_of, warehouse_columns
from lakehouse_platform.warehouse.layout import Facts, joins_of, plan_layout
from lakehouse_platform.warehouse.types import redshift_type
from lakehouse_platform.zones.rows import declared

if TYPE_CHECKING:
    from lakehouse_platform.warehouse.session import Ask, Session

AGREES = "agrees_with_lake"
PASSING = re.compile(r"communication error|BrokenPipe|socket closed|could not open relation with OID", re.I)
"""dbt tells errors as text: what the driver says of a lost connection, and Redshift of a relation that was swapped meanwhile."""
HELD_BACK = "held back by its tests"
"""What the project's macro `audit` says of a mart that it did not let be committed."""
REPORTING = "reporting_"
"""What the model of a mart's view is called before the mart's own model; its schema is `<domain>_reporting`."""


def has_warehouse_marts(project: Project) -> bool:
    """Whether the environment's warehouse is one that dbt builds marts in."""
    return isinstance(project.environment.warehouse, Redshift)


def warehouse_mart_checks(mart: Mart) -> tuple[CheckSpec, ...]:
    """The checks of a mart in the warehouse."""
    agrees = CheckSpec(AGREES, "As many rows as the lake's mart, and in each column the same values.", halting=True)
    return (agrees, *(CheckSpec(test.check, test.description, test.halting) for test in mart.tests))


def run_warehouse_marts(project: Project, marts: Sequence[Mart], wanted: Collection[str]) -> dict[str, Outcome]:
    """Build and test the wanted marts (`domain.table`) in Redshift, and hold each against the lake's.

    Tests are asked before a mart's commit: one that fails leaves the old rows. A mart that is held back or does not agree is built
    from nothing, once. Raises SettingsError where the environment's warehouse is none that dbt builds in, TransientError where it
    does not answer.
    """
    asked = [mart for mart in marts if mart.contract.name in wanted]
    session = _session(project)
    with session.asking() as ask:
        stale = {mart.contract.name: moved_on(project, ask, marts, mart) for mart in asked}
        dbt = warehouse_mart_project(project, marts, ask)

    def built(of: Sequence[Mart], build: Build) -> dict[str, CheckOutcome]:
        return {m.contract.name: _held_against_lake(project, session, m, stale[m.contract.name]) for m in of if _was_built(m, build)}

    build = _build(dbt, asked)
    held = built(asked, build)
    again = _to_build_anew(asked, build, held)
    if again:
        build = _joined(build, _build(dbt, again, anew=True))
        held |= built(again, build)
    return {m.contract.name: _outcome(project, marts, m, build, held.get(m.contract.name), anew=m in again) for m in asked}


def _to_build_anew(asked: Sequence[Mart], build: Build, held: Mapping[str, CheckOutcome]) -> list[Mart]:
    """Marts that differ from the lake's; where tests held one back, those too that were not built for it."""
    missing = any(HELD_BACK in outcome.message for outcome in build.failed)
    differing = {name for name, check in held.items() if check.halting and not check.passed}
    return [m for m in asked if m.contract.name in differing or (missing and m.contract.name not in held)]


def warehouse_mart_project(project: Project, marts: Sequence[Mart], ask: Ask) -> MartProject:
    """The project's dbt project, bound to Redshift. Raises SettingsError where the environment's warehouse is another."""
    warehouse = _redshift(project)
    return replace(
        mart_project(project), target="redshift", target_folder=project.state / "warehouse_marts", environment=None,
        warehouse=warehouse, layouts=mart_layouts(project, marts, ask))


def mart_layouts(project: Project, marts: Sequence[Mart], ask: Ask) -> dict[str, Mapping[str, object]]:
    """What dbt is told of each model beside its query; where the contract says nothing, it is decided from the lake's mart."""
    from lakehouse_platform.warehouse.held import held_distribution

    joins = joins_of(c for c in project.contracts if c.warehouse is not None or c.model is not None)
    found: dict[str, Mapping[str, object]] = {}
    for contract in (mart.contract for mart in marts):
        columns = declared(contract)
        facts = Facts(Zone.CURATED, columns, contract.key, _rows_in_lake(project, contract), joins,
                      held_distribution(ask, Place(contract.domain, str(contract.model))))
        layout = plan_layout(contract.warehouse, facts, contract.name)
        found[str(contract.model)] = {
            "types": {column.name: redshift_type(column).held for column in warehouse_columns(contract, columns)},
            "encodings": dict(layout.encodings), "sort": list(layout.sort_key),
            "dist": layout.dist_key if layout.distribution is Distribution.KEY else str(layout.distribution),
            "readers": sorted({role.name for role in contract.roles})}
    return found


def _rows_in_lake(project: Project, contract: Contract) -> int:
    try:
        return project.lake.engine.open(project.lake.uri(Zone.CURATED, contract)).count()
    except UnknownName:
        return 0


def _redshift(project: Project) -> Redshift:
    found = project.environment.warehouse
    if not isinstance(found, Redshift):
        raise SettingsError(f"{project.environment.path}: marts are built in Redshift, and the warehouse is none. Name one that is.")
    return found


def _session(project: Project) -> Session:
    from lakehouse_platform.warehouse.session import Session

    return Session(_redshift(project))


def _build(dbt: MartProject, marts: Sequence[Mart], *, anew: bool = False) -> Build:
    """dbt commits each mart by itself; a build that was cut off is made again, whatever it had got to."""
    from lakehouse_platform.warehouse.session import WarehouseUnavailable

    try:
        build = dbt.build(*_models(marts), anew=anew)
    except BuildFailed as error:
        if may_pass(str(error)):
            raise WarehouseUnavailable(masked(str(error))) from error
        raise
    cut_off = [outcome for outcome in build.failed if may_pass(outcome.message)]
    if cut_off:
        raise WarehouseUnavailable("; ".join(f"{outcome.name}: {masked(outcome.message)}" for outcome in cut_off))
    return build


def may_pass(message: str) -> bool:
    """Whether what dbt says of Redshift may be over next time: a lost connection, or transactions that met each other."""
    from lakehouse_platform.warehouse.session import PASSING_TEXT

    return (PASSING.search(message) or PASSING_TEXT.search(message)) is not None


def _models(marts: Sequence[Mart]) -> list[str]:
    return [f"{prefix}{mart.contract.model}" for mart in marts for prefix in ("", REPORTING)]


def _was_built(mart: Mart, build: Build) -> bool:
    return any(outcome.name == mart.contract.model and outcome.passed for outcome in build.outcomes)


def _joined(first: Build, second: Build) -> Build:
    """What came last of each model and test."""
    return Build(tuple({outcome.name: outcome for outcome in (*first.outcomes, *second.outcomes)}.values()))


def moved_on(project: Project, ask: Ask, marts: Sequence[Mart], mart: Mart) -> list[str]:
    """Tables that the mart is made of, at whatever remove, and that the warehouse does not hold as the lake has them now."""
    from lakehouse_platform.warehouse.held import newest_entry

    found = []
    for zone, contract in loaded_tables(marts, mart):
        place, newest = place_of(zone, contract), project.lake.engine.open(project.lake.uri(Zone(zone), contract)).version
        held = newest_entry(ask, place)
        if held is None or held.version != newest:
            version = held.version if held is not None else "none"
            found.append(f"{place} is loaded at version {version}, and the lake is at {newest}")
    return found


def loaded_tables(marts: Sequence[Mart], mart: Mart) -> list[tuple[str, Contract]]:
    """Zone and contract of the tables that a mart is made of, those of its marts among them."""
    by_name = {m.contract.name: m for m in marts}
    found: dict[tuple[str, str], Contract] = {}
    for zone, contract in mart.upstream:
        within = loaded_tables(marts, by_name[contract.name]) if zone == Zone.CURATED else [(zone, contract)]
        found |= {(used.name, place): used for place, used in within}
    return [(zone, contract) for (_, zone), contract in sorted(found.items())]


def _held_against_lake(project: Project, session: Session, mart: Mart, stale: Sequence[str]) -> CheckOutcome:
    """Where the lake moved on since the tables were loaded, a difference is told, and is nobody's fault."""
    found = compare_with_lake(project, session, mart.contract)
    figures: dict[str, Figure] = {"rows": found.rows, "lake_rows": found.other_rows}
    if found.columns:
        figures["columns"] = ", ".join(found.columns)
    return CheckOutcome(AGREES, found.agrees, not stale, figures, "" if found.agrees else "; ".join(stale))


def compare_with_lake(project: Project, session: Session, contract: Contract) -> Comparison:
    """Hold a mart in Redshift against the newest version of the lake's."""
    from lakehouse_platform.lake.query import LakeQuery

    lake, columns = project.environment.lake, declared(contract)
    relation = (Zone.CURATED.value, contract.domain, contract.table, project.uri(Zone.CURATED, contract))
    with LakeQuery(lake.root, [relation], lake.store) as query:
        theirs = query.run(figures_query(".".join(relation[:3]), columns, DUCKDB))
    (mine,) = session.query(figures_query(_name_of(contract), columns, REDSHIFT))
    return compare(columns, mine, [column[0].as_py() for column in theirs.columns])


def _name_of(contract: Contract) -> str:
    return f'"{contract.domain}"."{contract.model}"'


def _outcome(
    project: Project, marts: Sequence[Mart], mart: Mart, build: Build, held: CheckOutcome | None, *, anew: bool
) -> Outcome:
    contract = mart.contract
    if held is None:
        missing = CheckOutcome(AGREES, passed=False, halting=True, description="The mart was not built.")
        said = [f"{o.name} {o.status}: {masked(o.message)}" for o in build.failed if contract.model in o.of and o.status != "skipped"]
        why = "; ".join(said) or "a mart that it is made of failed"
        return Outcome((missing, *_checks_before_commit(mart, build)), halted=f"{contract.name} was not built in the warehouse: {why}")
    rows = int(str(held.figures["rows"]))
    through = mart_complete_through(project, mart, marts)
    return Outcome((held, *checks_of_tests(mart, build)), rows, rows, {"built_anew": anew}, through)


def _checks_before_commit(mart: Mart, build: Build) -> tuple[CheckOutcome, ...]:
    """How the tests came out that held a mart back; those that only warn were not asked."""
    said = next((o.message for o in build.failed if o.name == mart.contract.model and HELD_BACK in o.message), None)
    if said is None:
        return checks_of_tests(mart, build)
    found = {name: int(rows) for name, rows in re.findall(r"(\w+) \((\d+)\)", said.partition(HELD_BACK)[2].splitlines()[0])}
    asked = [test for test in mart.tests if test.halting]
    return tuple(CheckOutcome(t.check, t.node not in found, halting=True, figures={"rows": found.get(t.node, 0)}) for t in asked)
