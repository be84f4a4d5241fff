"""Errors of the platform: one root, terminal or transient, each saying what, where, what is allowed and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LakehouseError(Exception):
    """Root of every error that the platform raises on purpose."""


class TerminalError(LakehouseError):
    """Trying again cannot help: a person has to change something first."""


class TransientError(LakehouseError):
    """Trying again may help: the network, a lock, a neighbour that is restarting."""

    wait = 0.0
    """Seconds before which another try is in vain; 0 where nothing is known."""


class ContractError(TerminalError):
    """A contract, or the folder of contracts, is not valid."""


class SettingsError(TerminalError):
    """An environment file is not valid, or a reference in it cannot be resolved."""


class SourceError(TerminalError):
    """A source table cannot be read as its contract says."""


class SourceUnavailable(TransientError):
    """A source does not answer."""


class DriftError(TerminalError):
    """The source's schema left the contract, and the contract says to stop."""


class GateHalted(TerminalError):
    """A halting rule failed; nothing of the batch was committed beyond Raw."""


class NotExtractable(TerminalError):
    """A partition cannot be extracted (again): its source is read by position and has moved on."""


class CommitConflict(TransientError):
    """Another writer committed first; the plan was made from a version that is no longer the newest."""


class StoreUnavailable(TransientError):
    """The object store that holds the lake does not answer, or goes on saying that it is busy."""


class StoreRefused(TerminalError):
    """The object store that holds the lake says no: a bucket that is not there, or no right to it."""


class VersionUnreadable(TransientError):
    """The files of a table's version cannot be read: they were vacuumed, or the store does not answer."""


class UnknownName(TerminalError):
    """A table, partition, column or environment that does not exist was asked for."""


def did_you_mean(word: str, allowed: Iterable[str], *, noun: str = "values") -> str:
    """Sentence that offers the nearest allowed words and lists them all.

    >>> did_you_mean("timestmp", ["date", "timestamp"], noun="types")
    'Did you mean "timestamp"? Valid types: date, timestamp.'
    """
    choices = sorted(allowed)
    near = get_close_matches(word, choices, n=1, cutoff=0.6)
    hint = f'Did you mean "{near[0]}"? ' if near else ""
    return f"{hint}Valid {noun}: {', '.join(choices)}."
