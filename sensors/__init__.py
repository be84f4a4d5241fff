"""What this lakehouse watches."""

from collections.abc import Sequence

from dagster import SensorDefinition

from lakehouse_platform.jobs.project import Project


def watching(_: Project) -> Sequence[SensorDefinition]:
    """The sensors that run here."""
    return []
