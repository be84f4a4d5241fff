"""Clients for the services of one AWS account, made the same way everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from lakehouse_platform.settings import Aws

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_emr_serverless import EMRServerlessClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

RETRIES = 8
"""Tries of a call, the first included: throttling, 5xx and lost connections are tried again, later each time."""
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": RETRIES}, connect_timeout=10, read_timeout=60)


@dataclass(frozen=True)
class Account:
    """An account in one region. Credentials are the machine's own: a role, a profile, or what its environment says.

    Clients are made when they are first asked for, and may be used by several threads.
    """

    aws: Aws

    @cached_property
    def s3(self) -> S3Client:
        """Objects; addressed by path where a stand-in answers."""
        style = CONFIG.merge(Config(s3={"addressing_style": "path"})) if self.aws.address else CONFIG
        return self._session.client("s3", endpoint_url=self.aws.address, config=style)

    @cached_property
    def glue(self) -> GlueClient:
        """Catalog, crawlers and jobs."""
        return self._session.client("glue", endpoint_url=self.aws.address, config=CONFIG)

    @cached_property
    def athena(self) -> AthenaClient:
        """Queries."""
        return self._session.client("athena", endpoint_url=self.aws.address, config=CONFIG)

    @cached_property
    def emr_serverless(self) -> EMRServerlessClient:
        """Spark jobs."""
        return self._session.client("emr-serverless", endpoint_url=self.aws.address, config=CONFIG)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """What jobs print."""
        return self._session.client("logs", endpoint_url=self.aws.address, config=CONFIG)

    @cached_property
    def sqs(self) -> SQSClient:
        """Queues of events."""
        return self._session.client("sqs", endpoint_url=self.aws.address, config=CONFIG)

    @cached_property
    def kms(self) -> KMSClient:
        """Keys."""
        return self._session.client("kms", endpoint_url=self.aws.address, config=CONFIG)

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(region_name=self.aws.region)
