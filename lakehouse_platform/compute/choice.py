"""Where a step runs, and why: the contract's word first, then the size of what it touches."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse_platform.contracts.contract import Compute, Contract
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import ComputeBlock

MEGABYTE = 1_000_000
DISTRIBUTED_FROM_MB = 2_000
"""Where the environment names no size: a merge in process holds some two bytes for each that it touches, and others run beside it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a step runs."""

    compute: Compute
    reason: str
    """One sentence for people."""


def choose(settings: ComputeBlock, contract: Contract, zone: str, bytes_touched: int) -> Choice:
    """Where the contract's step into `zone` runs when it reads at most `bytes_touched`.

    Extraction into Raw runs in process wherever it is: it is one connection and a stream. A compute that the contract asks for and
    the environment lacks is passed over, since the same contracts run everywhere.
    """
    if zone not in (Zone.ODS, Zone.HDS):
        return Choice(Compute.IN_PROCESS, f"Steps into {zone} always run in process.")
    wanted = contract.compute.get(Zone(zone))
    by_size = _by_size(settings, bytes_touched)
    if wanted is None:
        return by_size
    if wanted in available(settings):
        return Choice(wanted, f"The contract says {wanted}.")
    return Choice(by_size.compute, f"The contract says {wanted}, which this environment does not have. {by_size.reason}")


def available(settings: ComputeBlock) -> frozenset[Compute]:
    """What the environment has."""
    declared = {
        Compute.IN_PROCESS: True,
        Compute.SPARK: settings.spark_from_mb is not None,
        Compute.EMR_SERVERLESS: settings.emr_serverless is not None,
        Compute.GLUE: settings.glue is not None,
    }
    return frozenset(compute for compute, there in declared.items() if there)


def _by_size(settings: ComputeBlock, bytes_touched: int) -> Choice:
    limits = sorted(_limits(settings), key=lambda limit: limit[0])
    touched = f"{megabytes(bytes_touched)} touched"
    reached = [(least, compute) for least, compute in limits if bytes_touched >= least * MEGABYTE]
    if reached:
        least, compute = reached[-1]
        return Choice(compute, f"{touched}: from {least:,} MB on {compute} runs it.")
    if limits:
        least, compute = limits[0]
        return Choice(Compute.IN_PROCESS, f"{touched}: from {least:,} MB on {compute} would run it.")
    return Choice(Compute.IN_PROCESS, f"{touched}: this environment runs every step in process.")


def _limits(settings: ComputeBlock) -> list[tuple[int, Compute]]:
    """Sizes in MB from which something else than this process runs a step; of equal ones the last counts."""
    local = [(settings.spark_from_mb, Compute.SPARK)] if settings.spark_from_mb is not None else []
    if settings.distributed is None:
        return local
    return [*local, (settings.distributed_from_mb or DISTRIBUTED_FROM_MB, Compute(settings.distributed))]


def megabytes(size: int) -> str:
    """A size as people read it: in MB, less than one as such."""
    return f"{round(size / MEGABYTE):,} MB" if size >= MEGABYTE else "less than 1 MB" if size else "nothing"
