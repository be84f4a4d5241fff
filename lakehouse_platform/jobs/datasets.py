"""Datasets made of marts: what each waits for, how it is brought to its mart's newest version, and what is checked and said of that."""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.jobs.marts import Mart, mart_complete_through
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import CheckOutcome, CheckSpec, Figure, Outcome
from lakehouse_platform.naming import Zone
from lakehouse_platform.publish.destination import PublicationIncomplete
from lakehouse_platform.publish.refresh import Refreshed, refresh_dataset

ROWS_MATCH, FLOWED = "rows_match", "dataflow_succeeded"


def dataset_checks(contract: Contract) -> tuple[CheckSpec, ...]:
    """The checks of a mart's dataset."""
    match = CheckSpec(ROWS_MATCH, "The dataset has as many rows as the mart.", halting=True)
    wanted = contract.publication
    if wanted is None or wanted.dataflow is None:
        return (match,)
    return (match, CheckSpec(FLOWED, f"Dataflow {wanted.dataflow} ran on the new rows to a good end."))


def awaited_marts(contract: Contract, marts: Sequence[Mart]) -> tuple[Contract, ...]:
    """The marts that must be of the same business day before the dataset is sent: its own first, then those that its contract waits for."""
    by_name = {mart.contract.name: mart.contract for mart in marts}
    wanted = contract.publication.waits_for if contract.publication is not None else ()
    return (contract, *(by_name[name] for name in dict.fromkeys(wanted)))


def run_dataset(project: Project, mart: Mart, marts: Sequence[Mart]) -> Outcome:
    """Bring the dataset of a mart to the mart's newest version. Raises what `refresh_dataset` raises, but for an incomplete one."""
    contract, lake = mart.contract, project.lake
    try:
        done = refresh_dataset(lake, project.destination, contract, store=project.environment.lake.store)
    except PublicationIncomplete as error:
        rows = lake.engine.open(lake.uri(Zone.CURATED, contract)).count()
        check = CheckOutcome(ROWS_MATCH, passed=False, halting=True, figures={"mart_rows": rows}, description=str(error))
        return Outcome((check,), halted=str(error))
    match = CheckOutcome(ROWS_MATCH, passed=True, halting=True, figures={"mart_rows": done.rows, "dataset_rows": done.rows})
    return Outcome((match, *_flow_check(contract, done)), done.rows, done.rows, _figures(contract, done),
                   mart_complete_through(project, mart, marts))


def _flow_check(contract: Contract, done: Refreshed) -> tuple[CheckOutcome, ...]:
    if contract.publication is None or contract.publication.dataflow is None:
        return ()
    if done.flow is None:
        return (CheckOutcome(FLOWED, passed=True, description="It has run on these rows before."),)
    figures: dict[str, Figure] = {"dataflow": done.flow.dataflow, "execution": done.flow.execution, "state": done.flow.state}
    return (CheckOutcome(FLOWED, done.flow.succeeded, figures=figures),)


def _figures(contract: Contract, done: Refreshed) -> dict[str, Figure]:
    return {
        "dataset": contract.publication.dataset if contract.publication else "", "dataset_id": done.dataset, "mart_version": done.version,
        "mode": done.mode, "reason": done.reason, "rows_sent": done.sent.rows, "parts": done.sent.parts, "bytes": done.sent.bytes,
        "execution": done.execution, "commit_seconds": round(done.commit_seconds, 1)}
