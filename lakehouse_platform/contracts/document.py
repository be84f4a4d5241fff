"""Reads a YAML 1.2 file into nodes; what is wrong with it becomes problems, never a traceback."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_platform.contracts.nodes import Node, Scalar
from lakehouse_platform.contracts.problems import Findings

if TYPE_CHECKING:
    from ruamel.yaml.events import Event, MappingStartEvent, ScalarEvent

DEEPEST = 40
"""Levels a document may have: far more than a contract needs, far fewer than Python's stack."""
_REPAIRS = 20
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_OTHER_BASE = re.compile(r"0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BARE = re.compile(r"[A-Za-z][\w ().,;/@+|-]*")
_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), ".Inf": float("inf"), ".INF": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"),
    ".nan": float("nan"), ".NaN": float("nan"), ".NAN": float("nan"),
}  # fmt: skip


def read_document(file: Path, findings: Findings) -> Node | None:
    """The file's one document, or None where there is nothing to go on with.

    A line that is no YAML is reported and left out, so that the rest can be looked at too; `findings.partial` says so then.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        findings.at(file, 1, f"cannot be read: {error.strerror or error}.")
        return None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        findings.at(file, line, "is not UTF-8. Save the file as UTF-8.")
        return None
    return parse_document(text, file, findings)


def parse_document(text: str, file: Path, findings: Findings) -> Node | None:
    """Like `read_document`, of a text that stands in `file`."""
    lines, last = text.splitlines(keepends=True), -1
    for _ in range(_REPAIRS):
        found = Findings()
        trouble = _attempt("".join(lines), file, found)
        if not isinstance(trouble, _Trouble):
            findings.found += found.found
            return trouble
        # What the parser stumbles over on the next line is nearly always the same mistake.
        if findings.partial and trouble.line <= last + 1 and not trouble.certain:
            return None
        findings.at(file, trouble.line, trouble.message)
        findings.partial = True
        if not 1 <= trouble.line <= len(lines) or not lines[trouble.line - 1].strip():
            return None
        lines[trouble.line - 1], last = "\n", trouble.line
    return None


def write_scalar(value: Scalar) -> str:
    """The value as YAML would have it on one line, without quotes where it needs none."""
    if isinstance(value, str) and _BARE.fullmatch(value) and _resolve(value) == value and value == value.strip():
        return value
    return json.dumps(value, ensure_ascii=False)


class _Trouble(Exception):
    """A place where the text stops being a YAML document that we take."""

    def __init__(self, line: int, message: str, *, certain: bool = False) -> None:
        self.line, self.message, self.certain = line, message, certain


def _attempt(text: str, file: Path, findings: Findings) -> Node | _Trouble | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _Builder(YAML(typ="safe", pure=True).parse(text), file, findings, lines=text.count("\n") + 1).document()
    except _Trouble as trouble:
        return trouble
    except MarkedYAMLError as error:
        return _explain(error, text)
    except RecursionError:
        return _Trouble(1, f"is nested deeper than {DEEPEST} levels.")
    except (YAMLError, ValueError, LookupError) as error:
        # A character that YAML does not know has a position; the rest are slips of the parser on garbage.
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
        return _Trouble(line, "holds a character that YAML does not allow.")


def _explain(error: object, text: str) -> _Trouble:
    problem = str(getattr(error, "problem", "") or "cannot be read")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark is not None else 1
    written = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    if "\t" in written[: len(written) - len(written.lstrip())] or "'\\t'" in problem:
        return _Trouble(line, "a tab is used for indentation. YAML takes spaces only.", certain=True)
    start = getattr(error, "context_mark", None)
    if start is not None and ("unexpected end of stream" in problem or "<stream end>" in problem or "expected ',' or" in problem):
        line = start.line + 1
        return _Trouble(line, "a quote or bracket that is opened here is never closed.", certain=True)
    return _Trouble(line, f"is not valid YAML: {problem}.")


class _Builder:
    """Builds nodes from the parser's events. The library's own constructor would lose positions and repeated keys."""

    def __init__(self, events: Iterator[Event], file: Path, findings: Findings, *, lines: int) -> None:
        self._events, self._file, self._findings, self._lines = events, file, findings, lines

    def _line(self, event: Event) -> int:
        """Line of an event; what is missing at the end of the file is missing from its last line."""
        return min(int(event.start_mark.line) + 1, self._lines)

    def document(self) -> Node | None:
        from ruamel.yaml.events import DocumentStartEvent, NodeEvent

        root: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent) and root is not None:
                raise _Trouble(self._line(event), "begins a second document. A file holds one.")
            if isinstance(event, NodeEvent):
                root = self._node(event, 0)
        return root

    def _node(self, event: Event, depth: int) -> Node:
        from ruamel.yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent

        if depth > DEEPEST:
            raise _Trouble(self._line(event), f"is nested deeper than {DEEPEST} levels.")
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _Trouble(self._line(event), "anchors and aliases (& and *) are not taken. What tables share belongs in _defaults.yaml.")
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, depth)
        items: list[Node] = []
        while not isinstance(item := next(self._events), SequenceEndEvent):
            items.append(self._node(item, depth + 1))
        return Node(self._file, self._line(event), items)

    def _mapping(self, event: MappingStartEvent, depth: int) -> Node:
        from ruamel.yaml.events import MappingEndEvent, ScalarEvent

        children: dict[str, Node] = {}
        while not isinstance(key := next(self._events), MappingEndEvent):
            if not isinstance(key, ScalarEvent):
                raise _Trouble(self._line(key), "a key must be a plain word.")
            child = self._node(next(self._events), depth + 1)
            child.key_line = self._line(key)
            if child.value is None:
                child.line = child.key_line  # the mark of a value that is left out is wherever the next thing stands
            first = children.setdefault(_text(key), child)
            if first is not child:
                message = f'"{_text(key)}" is declared twice here; the first is on line {first.key_line}. Keep one.'
                self._findings.at(self._file, child.key_line, message)
        return Node(self._file, self._line(event), children)

    def _scalar(self, event: ScalarEvent) -> Node:
        text = _text(event)
        if event.tag:
            raise _Trouble(self._line(event), f"tags such as {event.tag} are not taken. Put quotes around a value to make it a text.")
        return Node(self._file, self._line(event), _resolve(text) if event.style is None or event.style == "" else text, text)


def _text(event: ScalarEvent) -> str:
    text = str(event.value)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _Trouble(int(event.start_mark.line) + 1, "holds half of a character (a lone surrogate).")
    return text


def _resolve(text: str) -> Scalar:
    """What a word without quotes is, by the YAML 1.2 core schema: `no` is a text, `010` is ten, a date is a text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    return float(text) if _FLOAT.fullmatch(text) else text
