"""Which of Spark's errors mean that another writer was faster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from lakehouse_platform.engines.base import Commit
from lakehouse_platform.errors import CommitConflict

_DELTA = "ConcurrentModificationException"
"""What all of Delta's conflicts derive from; their names follow their own scheme."""
_NAMES = (_DELTA, "ConcurrentAppendException", "ConcurrentDeleteReadException", "ConcurrentDeleteDeleteException",
          "ConcurrentTransactionException", "ConcurrentWriteException", "MetadataChangedException", "ProtocolChangedException",
          "CommitVersionTakenException")


def lost(uri: str, commit: Commit, version: int) -> CommitConflict:
    """The error of a commit that was planned from `version` and came too late."""
    return CommitConflict(f"{uri}: {commit.point} was planned from version {version}, and another writer committed since")


@contextmanager
def conflicts(uri: str, commit: Commit, version: int) -> Iterator[None]:
    """Raise CommitConflict where Delta says that another writer was faster."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        if any(str(name).rpartition(".")[2] in _NAMES for name in _classes(error)):
            raise lost(uri, commit, version) from error
        raise


def _classes(error: Py4JJavaError | PySparkException) -> Iterator[str]:
    """Names of the Java classes along the causes."""
    cause = error.java_exception if isinstance(error, Py4JJavaError) else getattr(error, "_origin", None)
    while cause is not None:
        yield cause.getClass().getName()
        cause = cause.getCause()
