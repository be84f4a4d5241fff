"""Has a table's step run where the contract or its size says: in this process, on Spark here, or as a job elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg

from lakehouse_platform.compute.choice import available, choose
from lakehouse_platform.contracts.contract import Compute, Contract
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.registration import register_table
from lakehouse_platform.jobs.steps import STEPS, Figure
from lakehouse_platform.naming import Zone
from lakehouse_platform.orchestration.steps import Attempt, attempt
from lakehouse_platform.zones.extent import touched

SPARK = "pyspark"
"""Name of the resource that is Spark on this machine."""


def has_spark(project: Project) -> bool:
    """Whether the environment runs steps on Spark on this machine, if they are large or their contracts say so."""
    return Compute.SPARK in available(project.environment.compute)


@dataclass(frozen=True, slots=True)
class Step:
    """One table's step into one zone, within a Dagster run."""

    context: dg.AssetExecutionContext
    project: Project
    contract: Contract
    zone: str
    run: str
    """Root run."""

    def __call__(self, days: Sequence[str]) -> Attempt:
        """Do it for some business days, and have the catalog know the table; what ran it, and why, is among the figures of each."""
        tried, said = self._run(days)
        if any(found.halted is None for found in tried.done.values()):
            said |= register_table(self.project, self.zone, self.contract)
        return replace(tried, done={day: replace(found, figures={**found.figures, **said}) for day, found in tried.done.items()})

    def _run(self, days: Sequence[str]) -> tuple[Attempt, dict[str, Figure]]:
        """What became of the days, and what ran them and why."""
        if self.zone == Zone.RAW:
            return self.in_process(days), {}
        size = touched(self.project.lake, self.contract, self.zone, days)
        choice = choose(self.project.environment.compute, self.contract, self.zone, size)
        said: dict[str, Figure] = {"compute": str(choice.compute), "compute_reason": choice.reason, "bytes_touched": size}
        return _RUNNERS[choice.compute](self, days), said

    def in_process(self, days: Sequence[str]) -> Attempt:
        """On the project's own engine."""
        return attempt(lambda day: STEPS[self.zone](self.project, self.contract, day, self.run), days)

    def on_spark(self, days: Sequence[str]) -> Attempt:
        """On Spark, on this machine."""
        from lakehouse_platform.orchestration.spark import spark_engine

        bound = replace(self, project=self.project.on(spark_engine(self.context)))
        return bound.in_process(days)

    def elsewhere(self, days: Sequence[str], compute: Compute) -> Attempt:
        """As one job."""
        from lakehouse_platform.orchestration.remote import remote_step

        return remote_step(self.context, self.project, self.contract, self.zone, days, self.run, compute)


_RUNNERS: Mapping[Compute, Callable[[Step, Sequence[str]], Attempt]] = {
    Compute.IN_PROCESS: Step.in_process,
    Compute.SPARK: Step.on_spark,
    Compute.EMR_SERVERLESS: lambda step, days: step.elsewhere(days, Compute.EMR_SERVERLESS),
    Compute.GLUE: lambda step, days: step.elsewhere(days, Compute.GLUE),
}
