"""The engine's state as one text, and the store that it is kept in."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from lakehouse_platform.incidents.base import State, StateUnreadable, Store

VERSION = 1
_STATES = TypeAdapter(State)


def to_text(state: State) -> str:
    """The state as JSON."""
    return json.dumps({"version": VERSION, "state": _STATES.dump_python(state, mode="json", exclude_defaults=True)}, sort_keys=True)


def from_text(text: str | None) -> State:
    """The state that was saved; an empty one where nothing was. Raises StateUnreadable where the text is something else."""
    if text is None:
        return State()
    try:
        saved = json.loads(text)
        if saved["version"] != VERSION:
            raise StateUnreadable(f"The incidents were saved in form {saved['version']}; this release reads form {VERSION}: upgrade it.")
        return _STATES.validate_python(saved["state"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise StateUnreadable(
            f"What is stored is not a state of incidents ({type(error).__name__}). Restore it, or remove it: then "
            "what is observed from then on is told as new incidents.") from error


@dataclass(slots=True)
class Memory:
    """The state, and the text that is stored of it."""

    store: Store
    state: State
    text: str | None

    @classmethod
    def load(cls, store: Store) -> Memory:
        """What was saved last. Raises StateUnreadable."""
        text = store.load()
        return cls(store, from_text(text), text)

    def save(self, state: State) -> None:
        """Keep a new state, durably; nothing is written where it is as it was. Raises StateMoved where somebody else saved before."""
        text = to_text(state)
        if text != self.text:
            self.store.save(text, was=self.text)
            self.text = text
        self.state = state
