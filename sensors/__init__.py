"""What this lakehouse watches."""

from collections.abc import Sequence

from dagster import SensorDefinition

from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.certification import build_certification_sensor
from lakehouse_platform.orchestration.incidents import build_heartbeat_sensor, build_incident_sensor
from lakehouse_platform.orchestration.landing import build_landing_sensor
from lakehouse_platform.orchestration.sensors import build_automation_sensor, build_freshness_sensor


def watching(project: Project) -> Sequence[SensorDefinition]:
    """The sensors that run here. Incidents are told in Slack where the environment names it, else they are logged."""
    return [
        build_automation_sensor(), build_freshness_sensor(project), build_landing_sensor(project), build_incident_sensor(project),
        build_heartbeat_sensor(project), build_certification_sensor(project),
    ]
