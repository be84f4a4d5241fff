"""Clients for the services of one AWS account, made the same way everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, PartialCredentialsError
from botocore.exceptions import ConnectionError as NoConnection

from lakehouse_platform.errors import TerminalError, TransientError
from lakehouse_platform.settings import Aws

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_emr_serverless import EMRServerlessClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

RETRIES = 8
"""Tries of a call, the first included: throttling, 5xx and lost connections are tried again, later each time."""
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": RETRIES}, connect_timeout=10, read_timeout=60)
ONCE = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
LOST = (NoConnection, HTTPClientError)
"""Errors that leave open whether the service did what it was asked."""
PASSING = frozenset({
    "ActiveSessionsExceededException", "ActiveStatementsExceededException",
    "ConcurrentModificationException", "ConcurrentRunsExceededException", "ConflictException", "CrawlerRunningException",
    "CrawlerStoppingException", "InternalFailure", "InternalServerException", "InternalServiceException", "LimitExceededException",
    "OperationTimeoutException", "RequestTimeout", "ResourceNotReadyException", "ResourceNumberLimitExceededException",
    "ServiceUnavailable", "ServiceUnavailableException", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException",
    "VersionMismatchException",
})  # fmt: skip
"""Codes of errors that may be over when the call is made again."""


class LostAnswer(TransientError):
    """A service may have done what it was asked, or not: its answer did not arrive."""


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn what boto3 raises into the platform's errors, which begin with `what` was asked.

    Raises LostAnswer where the answer did not arrive, TransientError where the service is busy or broken, else TerminalError.
    """
    try:
        yield
    except LOST as error:
        raise LostAnswer(f"{what}: no answer arrived: {error}") from error
    except ClientError as error:
        said = error.response.get("Error", {})
        text = f"{what}: {said.get('Code', 'an error')}: {said.get('Message', 'nothing more is said')}"
        text += " The role that runs this needs the permission." if code_of(error).startswith("AccessDenied") else ""
        broken = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
        raise (TransientError(text) if broken or code_of(error) in PASSING else TerminalError(text)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise TerminalError(f"{what}: there are no AWS credentials: {error}. Give the machine a role or a profile.") from error
    except BotoCoreError as error:
        raise TerminalError(f"{what}: {error}") from error


def code_of(error: BaseException | None) -> str:
    """A service's code for an error, as in `ResourceNotFoundException`; empty for other errors."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def bucket_and_key(address: str) -> tuple[str, str]:
    """The two parts of an address on S3: `("lake", "raw/finance")` of `s3://lake/raw/finance`."""
    bucket, _, key = address.partition("://")[2].partition("/")
    return bucket, key


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
    def glue_once(self) -> GlueClient:
        """The same, without tries behind the caller's back: for calls that must not be made twice unseen."""
        return self._session.client("glue", endpoint_url=self.aws.address, config=ONCE)

    @cached_property
    def athena(self) -> AthenaClient:
        """Queries."""
        return self._session.client("athena", endpoint_url=self.aws.address, config=CONFIG)

    @cached_property
    def emr_serverless(self) -> EMRServerlessClient:
        """Spark jobs."""
        return self._session.client("emr-serverless", endpoint_url=self.aws.address, config=CONFIG)

    @cached_property
    def redshift_data(self) -> RedshiftDataAPIServiceClient:
        """Redshift's statements, without a connection."""
        return self._session.client("redshift-data", endpoint_url=self.aws.address, config=CONFIG)

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
    def sts(self) -> STSClient:
        """Who one is."""
        return self._session.client("sts", endpoint_url=self.aws.address, config=CONFIG)

    @property
    def credentials(self) -> ReadOnlyCredentials:
        """The machine's credentials as they are now, for what cannot look for them itself. Raises TerminalError where it has none."""
        with asking("the machine's credentials"):
            held = self._session.get_credentials()
            if held is None:
                raise NoCredentialsError
            return held.get_frozen_credentials()

    def arn_prefix(self, service: str) -> str:
        """How the ARNs of a service's resources begin: `arn:aws:athena:eu-central-1:123456789012`."""
        return f"arn:{self._partition}:{service}:{self.aws.region}:{self._number}"

    @property
    def _partition(self) -> str:
        return self._session.get_partition_for_region(self.aws.region)

    @cached_property
    def _number(self) -> str:
        with asking("the account's number"):
            return self.sts.get_caller_identity()["Account"]

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(region_name=self.aws.region)
