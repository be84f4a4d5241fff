"""What Glue's errors mean for whoever asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from lakehouse_platform.errors import TerminalError, TransientError

_PASSING = frozenset({
    "ConcurrentModificationException", "ConcurrentRunsExceededException", "CrawlerRunningException", "CrawlerStoppingException",
    "InternalFailure", "InternalServiceException", "OperationTimeoutException", "RequestTimeout", "ResourceNotReadyException",
    "ServiceUnavailable", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException", "VersionMismatchException",
})
"""Codes of errors that pass; boto has tried again already where it knows them."""


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Errors of AWS within become the platform's, with what was asked for: TransientError where trying again may help."""
    try:
        yield
    except ClientError as error:
        said, status = error.response.get("Error", {}), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = said.get("Code", "")
        message = f"{what}: Glue answered {code}: {said.get('Message', '')}"
        if code in _PASSING or status >= 500:
            raise TransientError(message) from error
        hint = " The role that runs this needs the permission." if code.startswith("AccessDenied") else ""
        raise TerminalError(message + hint) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise TerminalError(f"{what}: there are no AWS credentials: {error}. Give the machine a role or a profile.") from error
    except BotoCoreError as error:
        raise TransientError(f"{what}: Glue could not be reached: {error}") from error
