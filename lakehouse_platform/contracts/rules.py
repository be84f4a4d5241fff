"""Reads the quality rules of a table and of its columns."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TypeVar

from lakehouse_platform.contracts.block import Arguments, InvalidArguments, MissingArguments
from lakehouse_platform.contracts.columns import Columns
from lakehouse_platform.contracts.contract import Column, Metric, OnFailure, Rule
from lakehouse_platform.contracts.expressions import check_expression
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.contracts.strict import read_model
from lakehouse_platform.contracts.values import check_pattern, check_range, check_value
from lakehouse_platform.errors import ContractError, did_you_mean
from lakehouse_platform.naming import check_name

_ARGUMENTS: dict[Metric, type[Arguments]] = {
    Metric.INVALID_VALUES: InvalidArguments, Metric.MISSING_VALUES: MissingArguments,
    Metric.NULL_VALUES: Arguments, Metric.DUPLICATE_VALUES: Arguments, Metric.ROW_COUNT: Arguments,
}  # fmt: skip
_OPERATORS = (
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo",
    "mustBeBetween", "mustNotBeBetween",
)  # fmt: skip
_UNKEPT = ("schedule", "scheduler", "rule")

T = TypeVar("T")


def read_rules(table: Node, columns: Columns, findings: Findings, *, mart: bool) -> tuple[Rule, ...]:
    """All rules: the table's own, then those of its columns in order."""
    read = [(node, _rule(node, None, columns, findings, mart=mart)) for node in _quality(table)]
    for at, column in zip(columns.nodes, columns.columns, strict=True):
        read += [(node, _rule(node, column, columns, findings, mart=mart)) for node in _quality(at)]
    rules: dict[str, Rule] = {}
    for node, rule in read:
        if rule is not None and rule.name in rules:
            findings.add(node.mapping.get("name", node), f'two rules are called "{rule.name}". Give each a name of its own.')
        elif rule is not None:
            rules[rule.name] = rule
    return tuple(rules.values())


def _quality(node: Node) -> list[Node]:
    section = node.get("quality")
    return [item for item in section.items if item.mapping] if section is not None else []


def _rule(node: Node, column: Column | None, columns: Columns, findings: Findings, *, mart: bool) -> Rule | None:
    for key in _UNKEPT:
        if node.get(key) is not None:
            findings.key(node, key, f'"{key}" has no effect: rules run at the gate, with every batch.')
    metric, on_failure = _metric(node, findings), _severity(node, findings)
    if metric is None:
        return None
    rule = Rule("", metric, on_failure or OnFailure.WARN, description=node.text_of("description") or "")
    if on_failure is OnFailure.QUARANTINE and (mart or not rule.by_row):
        reason = "a mart has no gate" if mart else f"{metric} judges a whole batch, not single rows"
        findings.add(node.mapping["severity"], f"severity quarantine is impossible here: {reason}. Valid severities: halt, warn.")
    rule = _expression(node, rule, columns, findings) if metric is Metric.EXPRESSION else _library(node, rule, column, columns, findings)
    return _named(node, rule, findings)


def _metric(node: Node, findings: Findings) -> Metric | None:
    kind, metric = node.get("type"), node.get("metric")
    if kind is not None and kind.string in ("sql", "text"):
        findings.add(kind, f'type "{kind.string}" is not taken: use a metric, or type: custom with engine: sql and an implementation.')
        return None
    if kind is not None and kind.string == "custom":
        if metric is not None:
            findings.key(node, "metric", '"metric" contradicts type: custom. Keep one.')
        return Metric.EXPRESSION
    if metric is None and node.get("type") is None:
        known = ", ".join(sorted(m for m in Metric if m is not Metric.EXPRESSION))
        findings.missing(node, "metric", f"or type: custom. Valid metrics: {known}.")
    known_metric = metric is not None and metric.string in set(_ARGUMENTS)
    return Metric(metric.string) if metric is not None and known_metric else None  # type: ignore[arg-type]


def _severity(node: Node, findings: Findings) -> OnFailure | None:
    at = node.get("severity")
    if at is None:
        findings.missing(node, "severity", f"valid severities: {', '.join(sorted(OnFailure))}.")
        return None
    if at.string is not None and at.string not in set(OnFailure):
        findings.add(at, f'unknown severity "{at.string}". {did_you_mean(at.string, OnFailure, noun="severities")}')
        return None
    return OnFailure(at.string) if at.string is not None else None


def _named(node: Node, rule: Rule, findings: Findings) -> Rule | None:
    """Without a name a rule is called by what it measures, as in `null_values_amount`."""
    at = node.get("name")
    if at is not None and at.string is not None:
        try:
            return replace(rule, name=check_name(at.string, noun="rule name"))
        except ContractError as error:
            findings.add(at, str(error))
            return None
    if rule.metric is Metric.EXPRESSION:
        findings.missing(node, "name", "a rule of type custom needs one.")
        return None
    metric = re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), rule.metric)
    return replace(rule, name="_".join((metric, *rule.columns))[:63])


def _expression(node: Node, rule: Rule, columns: Columns, findings: Findings) -> Rule:
    engine, implementation = node.get("engine"), node.get("implementation")
    if engine is not None and engine.string not in (None, "sql"):
        findings.add(engine, f'unknown engine "{engine.string}". Valid engines: sql.')
    if implementation is not None and isinstance(implementation.value, dict):
        findings.add(implementation, "implementation must be an SQL expression, as in amount >= 0.")
    for key in ("arguments", *_OPERATORS):
        if node.get(key) is not None:
            findings.key(node, key, f'"{key}" has no effect on an expression: every row must satisfy it.')
    if implementation is None or implementation.string is None:
        return rule
    check_expression(implementation, columns, findings)
    return replace(rule, expression=implementation.string.strip())


def _library(node: Node, rule: Rule, column: Column | None, columns: Columns, findings: Findings) -> Rule:
    at = node.get("arguments")
    if at is not None and not isinstance(at.value, dict):
        return rule
    given = read_model(_ARGUMENTS[rule.metric], at, findings) if at is not None else _ARGUMENTS[rule.metric].model_construct()
    if rule.metric is Metric.ROW_COUNT:
        return _row_count(node, rule, column, at, findings)
    _check_operator(node, findings)
    if given is None:
        return rule
    rule = replace(rule, columns=_columns(node, rule, column, given, columns, findings))
    looked_at = columns.named(rule.columns[0]) if len(rule.columns) == 1 else None
    if isinstance(given, InvalidArguments):
        return _invalid_values(rule, given, at or node, looked_at, findings)
    if isinstance(given, MissingArguments):
        return replace(rule, missing_values=tuple(given.missing_values or ()))
    return rule


def _check_operator(node: Node, findings: Findings) -> None:
    for key in _OPERATORS:
        at = node.get(key)
        if at is not None and (key != "mustBe" or at.value != 0 or isinstance(at.value, bool)):
            findings.key(node, key, f"{key} is not taken here but as mustBe: 0: no row may break a rule.")


def _columns(node: Node, rule: Rule, column: Column | None, given: Arguments, columns: Columns, findings: Findings) -> tuple[str, ...]:
    listed = node.find(("arguments", "properties"))
    if column is not None:
        if given.properties is not None:
            findings.key(node.mapping["arguments"], "properties", '"properties" has no effect under a column: the rule looks at it.')
        return (column.name,)
    if given.properties is None:
        where = node.get("arguments") or node
        findings.missing(where, "properties", f"put {rule.metric} under a column, or write arguments: {{properties: [...]}}.")
        return ()
    for item in listed.items:
        if item.text and columns.named(item.text) is None and columns.complete:
            known = did_you_mean(item.text, [c.name for c in columns.columns], noun="columns")
            findings.add(item, f'unknown column "{item.text}". {known}', absent=True)
    if rule.metric is not Metric.DUPLICATE_VALUES and len(given.properties) != 1:
        findings.add(listed, f"{rule.metric} looks at one column: write a rule for each.")
    return tuple(given.properties)


def _invalid_values(rule: Rule, given: InvalidArguments, at: Node, column: Column | None, findings: Findings) -> Rule:
    if all(at.get(key) is None for key in ("validValues", "pattern", "minimum", "maximum")):
        findings.missing(at, "validValues", "invalidValues needs it, or a pattern, a minimum or a maximum.")
    texts = {key: at.mapping[key].text for key in ("minimum", "maximum") if at.get(key) is not None}
    listed = at.find(("validValues",)).items
    if column is not None:
        for value in [*listed, *(at.mapping[key] for key in texts)]:
            check_value(value, column, findings)
        check_range(at, column, findings)
    if given.pattern is not None:
        check_pattern(at.mapping["pattern"], column, findings)
    return replace(
        rule, valid_values=tuple(value.text for value in listed), pattern=given.pattern,
        minimum=texts.get("minimum"), maximum=texts.get("maximum"),
    )  # fmt: skip


def _row_count(node: Node, rule: Rule, column: Column | None, arguments: Node | None, findings: Findings) -> Rule:
    if column is not None:
        findings.add(node, "rowCount is a rule of the table: put it under the table's quality.")
    if arguments is not None:
        findings.key(node, "arguments", "rowCount takes no arguments: write mustBeGreaterOrEqualTo, mustBeBetween …")
    least, most = None, None
    for key in _OPERATORS:
        at = node.get(key)
        if at is None:
            continue
        bounds = _bounds(key, at.plain())
        if bounds is None:
            findings.key(node, key, f"{key}: rowCount takes whole numbers, the smaller first, and no mustNot….")
        else:
            least, most = bounds
    return replace(rule, minimum=None if least is None else str(least), maximum=None if most is None else str(most))


def _bounds(operator: str, value: object) -> tuple[int | None, int | None] | None:
    if operator == "mustBeBetween":
        ordered = isinstance(value, list) and len(value) == 2 and all(type(part) is int for part in value) and value[0] <= value[1]
        return (value[0], value[1]) if ordered and isinstance(value, list) else None
    if type(value) is not int:
        return None
    return {
        "mustBe": (value, value), "mustBeGreaterThan": (value + 1, None), "mustBeGreaterOrEqualTo": (value, None),
        "mustBeLessThan": (None, value - 1), "mustBeLessOrEqualTo": (None, value),
    }.get(operator)  # fmt: skip
