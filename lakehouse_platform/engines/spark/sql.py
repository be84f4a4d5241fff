"""Names and values in Spark's SQL."""

from __future__ import annotations


def quoted(name: str) -> str:
    """An identifier."""
    return "`" + name.replace("`", "``") + "`"


def at(uri: str) -> str:
    """A Delta table, by its address."""
    return f"delta.{quoted(uri)}"


def text_literal(text: str) -> str:
    """A string; what is neither letter nor digit stands as its number, so that nothing in it can end the literal."""
    return "'" + "".join(c if c.isalnum() or c in " -_./:" else _escaped(c) for c in text) + "'"


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
