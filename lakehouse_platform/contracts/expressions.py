"""Looks over the SQL expressions of quality rules for names that do not exist."""

from __future__ import annotations

import re

from lakehouse_platform.contracts.columns import Columns
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.contracts.types import ALIASES, VOCABULARY
from lakehouse_platform.errors import did_you_mean

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")|(?P<call>[A-Za-z_]\w*(?=\s*\())|(?P<word>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)"""
)
_KEYWORDS = frozenset(re.findall(r"\w+", """
    and or not in is null between like ilike similar to escape case when then else end true false distinct from cast as try_cast
    interval year month day hour minute second date time timestamp current_date current_timestamp at zone any all some exists
    extract epoch rlike regexp collate using for leading trailing both
"""))  # fmt: skip
_TYPE_WORDS = frozenset(word for name in (*VOCABULARY, *ALIASES) for word in name.split()) | {"string", "double", "hugeint", "unsigned"}


def check_expression(node: Node, columns: Columns, findings: Findings) -> None:
    """Note unknown names, open quotes and parentheses, and an expression that looks at no column."""
    text = node.text
    if text.count("'") % 2 or text.count('"') % 2 or text.count("(") != text.count(")") or ";" in text:
        findings.add(node, f'"{text.strip()}" is not one SQL expression: look at its quotes, parentheses and semicolons.')
        return
    if not columns.complete:
        return
    known = {column.name for column in columns.columns}
    names = _names(text)
    for name in dict.fromkeys(names):
        if name.lower() not in known and name not in known:
            findings.add(node, f'unknown column "{name}" in the expression. {did_you_mean(name, known, noun="columns")}', absent=True)
    if not names:
        findings.add(node, f'"{text.strip()}" looks at no column of the table.')


def _names(text: str) -> list[str]:
    names = []
    for token in _TOKEN.finditer(text):
        if token["quoted"]:
            names.append(token["quoted"].strip('"'))
        elif token["word"] and token["word"].lower() not in _KEYWORDS | _TYPE_WORDS:
            names.append(token["word"])
    return names
