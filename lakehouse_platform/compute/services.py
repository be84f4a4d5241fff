"""The services that an environment runs jobs on."""

from __future__ import annotations

from lakehouse_platform.aws.base import Account
from lakehouse_platform.compute.base import JobRunner
from lakehouse_platform.compute.emr_serverless import EmrServerless
from lakehouse_platform.compute.glue import Glue
from lakehouse_platform.contracts.contract import Compute
from lakehouse_platform.errors import SettingsError
from lakehouse_platform.settings import ComputeBlock


def job_runner(compute: Compute, settings: ComputeBlock, account: Account) -> JobRunner:
    """The service that runs jobs of this kind. Raises SettingsError where the environment has none."""
    if compute is Compute.EMR_SERVERLESS and settings.emr_serverless is not None and settings.artifacts is not None:
        return EmrServerless(account, settings.emr_serverless, settings.artifacts)
    if compute is Compute.GLUE and settings.glue is not None:
        return Glue(account, settings.glue)
    raise SettingsError(f"The environment runs no jobs on {compute}. Say which under `compute`, as `{compute}: {{…}}`.")
