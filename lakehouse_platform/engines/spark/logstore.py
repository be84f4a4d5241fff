"""How Spark commits to a Delta log: by conditional put, as delta-rs does, so that both may write the same table."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from lakehouse_platform.aws.base import Account, bucket_and_key
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.settings import Aws, ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from py4j.java_gateway import JavaClass
    from pyspark.sql import SparkSession

LOG_STORE = "lakehouse.spark.ConditionalPutLogStore"
"""Class of the jar that `logstore_jar.compile_log_store` makes."""
SCHEMES = ("s3", "s3a", "file")
"""Kinds of addresses that Spark may commit to."""
MARK = "lakehouse-write"
"""Name of the metadata that tells an object of ours, whose answer was lost, from another writer's."""
EXISTS, UNDECIDED = HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT
"""S3's answers where there is an object, and where another put of the same key is under way."""
TRIES = 6
"""Tries of a put that S3 does not decide."""

_installing = threading.Lock()


def conditional_put_config() -> dict[str, str]:
    """Settings that a session has to be started with; its `spark.jars` have to hold the jar, beside Delta's own."""
    return {f"spark.delta.logStore.{scheme}.impl": LOG_STORE for scheme in SCHEMES}


def install(session: SparkSession, store: ObjectStore | None) -> None:
    """Let the session's driver commit to the store's objects; without a store it commits to folders only.

    Call it once for each session that may write, before it writes; any thread may. Raises TerminalError where the session was started
    without the log store: its commits could overwrite those of another writer.
    """
    log_store = _log_store(session)
    with _installing:
        if store is None:
            log_store.install(None)
            return
        from pyspark.java_gateway import ensure_callback_server_started

        ensure_callback_server_started(session.sparkContext._gateway)  # type: ignore[no-untyped-call]  # noqa: SLF001 - as streaming does
        log_store.install(_Put(ObjectWriter(Account(Aws(store.region, store.endpoint)).s3, store.kms_key)))


def _log_store(session: SparkSession) -> JavaClass:
    from py4j.java_gateway import JavaClass

    started = session.sparkContext.getConf()
    wrong = {name: started.get(name) for name, value in conditional_put_config().items() if started.get(name) != value}
    if wrong:
        found = ", ".join(f"{name} is {value or 'not set'}" for name, value in wrong.items())
        raise TerminalError(f"This Spark session may not write: {found}. Start it with {LOG_STORE} for each.")
    found_class = session._jvm  # noqa: SLF001 - the only way to the driver's JVM
    for name in LOG_STORE.split("."):
        found_class = getattr(found_class, name)
    if not isinstance(found_class, JavaClass):
        raise TerminalError(f"This Spark session may not write: {LOG_STORE} is not among its classes. Add its jar to spark.jars.")
    return found_class


@dataclass(frozen=True)
class ObjectWriter:
    """Puts objects where there is none."""

    client: S3Client
    kms_key: str | None = None
    """Key that the objects are encrypted with; the bucket's default without."""

    def put_absent(self, bucket: str, key: str, content: bytes) -> bool:
        """Whether the object is there by this call; False where another writer's is. Raises botocore's errors.

        The client sends a put again whose answer was lost, and is then told that the object exists; its mark says whose it is.
        """
        mark, tries = uuid4().hex, 1
        while True:
            try:
                self._put(bucket, key, content, mark)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status == EXISTS:
                    return self.client.head_object(Bucket=bucket, Key=key)["Metadata"].get(MARK) == mark
                if status != UNDECIDED or tries == TRIES:
                    raise
                time.sleep(random.uniform(0, 0.1 * 2**tries))  # noqa: S311 - spreads writers, hides nothing
                tries += 1
            else:
                return True

    def _put(self, bucket: str, key: str, content: bytes, mark: str) -> None:
        if self.kms_key is None:
            self.client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*", Metadata={MARK: mark})
        else:
            self.client.put_object(
                Bucket=bucket, Key=key, Body=content, IfNoneMatch="*", Metadata={MARK: mark},
                ServerSideEncryption="aws:kms", SSEKMSKeyId=self.kms_key,
            )


@dataclass(frozen=True)
class _Put:
    """The writer as a java.util.function.BiFunction: address and content to what became of them."""

    writer: ObjectWriter

    def apply(self, address: str, content: bytes) -> str:
        bucket, key = bucket_and_key(address)
        try:
            return "written" if self.writer.put_absent(bucket, key, content) else "exists"
        except ClientError as error:
            return f"S3 answered {error.response['Error'].get('Code', '?')} to {error.operation_name}"
        except BotoCoreError as error:
            return f"S3 was not reached: {type(error).__name__}"

    class Java:
        implements = ("java.util.function.BiFunction",)
