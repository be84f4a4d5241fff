"""How delta-rs and Polars reach a lake's objects on S3, and what their errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from lakehouse_platform.errors import StoreRefused, StoreUnavailable
from lakehouse_platform.settings import ObjectStore

RETRIES = 10
"""Times that a request is made again after 500, 503, a throttle or a lost connection; each wait is about twice the last."""
RETRY_SECONDS = 180
REQUEST_SECONDS = 120
"""What one request may take, its body included: a part of an upload has 5 MB, a column chunk may have more."""

_PASSING = re.compile(r"after \d+ retries|error sending request|operation timed out|connection (closed|reset)|error decoding response body")
_REFUSED = re.compile(r"Generic S3 error|PermissionDenied|Unauthenticated|(?:lacked|invalid) .*credentials|object-store error")
_DECORATION = re.compile(r"\x1b\[[0-9;]*m|↳")


def delta_options(store: ObjectStore) -> dict[str, str]:
    """What delta-rs takes: region, address, encryption, tries. It commits by conditional put, and takes the machine's credentials.

    Raises SettingsError where the stand-in's address leads nowhere.
    """
    options = {
        "aws_region": store.region, "aws_conditional_put": "etag", "max_retries": str(RETRIES), "retry_timeout": f"{RETRY_SECONDS}s",
        "timeout": f"{REQUEST_SECONDS}s", "connect_timeout": "10s",
    }
    if (address := store.address) is not None:
        options |= {"aws_endpoint": address, "aws_virtual_hosted_style_request": "false"}
        options |= {"aws_allow_http": "true"} if address.startswith("http://") else {}
    if store.kms_key is not None:
        options |= {"aws_server_side_encryption": "aws:kms", "aws_sse_kms_key_id": store.kms_key}
    return options


def polars_options() -> dict[str, int]:
    """What Polars's own reader takes beside a table's options, under other names and as numbers."""
    return {"max_retries": RETRIES, "retry_timeout_ms": RETRY_SECONDS * 1000}


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn errors of the object store into the platform's.

    Raises StoreUnavailable where it went on failing for all tries, and StoreRefused where trying again is no use.
    """
    try:
        yield
    except (CommitFailedError, TableNotFoundError):
        raise
    except (OSError, DeltaError) as error:
        text = " ".join(_DECORATION.sub(" ", str(error)).split())
        if "S3" not in text:
            raise
        if _PASSING.search(text):
            raise StoreUnavailable(f"{uri}: the object store does not answer as it should, however often it is asked: {text}") from error
        if _REFUSED.search(text):
            raise StoreRefused(
                f"{uri}: the object store refuses: {text}. Look at the bucket's name, the region and the rights of the role.") from error
        raise
