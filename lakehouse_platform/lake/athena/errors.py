"""What may go wrong with a query on Athena."""

from __future__ import annotations

from lakehouse_platform.errors import TerminalError, TransientError


class AthenaError(TerminalError):
    """A query that Athena cannot run, or that is more than one SELECT."""


class ScanCapExceeded(AthenaError):
    """A query was stopped because it read more than its workgroup allows."""


class QueryStopped(AthenaError):
    """A query was cancelled, or did not end in time and was stopped."""


class AthenaBusy(TransientError):
    """Athena has no room for the query now, or failed of itself."""
