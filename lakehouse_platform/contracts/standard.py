"""Holds a document against the JSON Schema of the Open Data Contract Standard, and says what is wrong at its exact line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING, cast

from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.errors import did_you_mean

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

Schema = Mapping[str, object]
_UNKNOWN = "unknownKey"
_TYPES = {
    "string": "a text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
    "object": "a mapping (key: value)", "array": "a list", "null": "null",
}  # fmt: skip


@cache
def standard_schema() -> Schema:
    """The JSON Schema that ships with the standard's Python package."""
    text = resources.files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return cast(Schema, json.loads(text))


def check_standard(document: Node, findings: Findings) -> None:
    """Note everything in which the document departs from the standard."""
    errors = [relevant for error in _validator().iter_errors(cast("dict[str, str]", document.plain())) for relevant in _relevant(error)]
    for error in sorted(errors, key=lambda error: error.validator != _UNKNOWN):
        _report(error, document, findings)


@cache
def _validator() -> Validator:
    from jsonschema import Draft201909Validator
    from jsonschema.validators import extend

    closed = {"additionalProperties": _check_keys, "unevaluatedProperties": _check_keys}
    return cast("Validator", extend(Draft201909Validator, closed)(standard_schema()))  # type: ignore[no-untyped-call]


def _check_keys(validator: Validator, value: object, instance: object, schema: Schema) -> Iterator[ValidationError]:
    """One error a key that the object may not have.

    The library's own keywords name them all in one error, and call every key unknown once one of them has a wrong value.
    """
    from jsonschema.exceptions import ValidationError

    if value is not False or not isinstance(instance, dict):
        return
    allowed = _allowed_keys(validator, schema, instance)
    for key in instance:
        if key not in allowed:
            yield ValidationError(key, path=(key,), validator=_UNKNOWN, validator_value=sorted(allowed))


def _allowed_keys(validator: Validator, schema: Schema, instance: dict[str, str]) -> set[str]:
    allowed = set(cast(Schema, schema.get("properties", {})))
    for part in (*_parts(schema, "allOf"), *_chosen(validator, schema, instance)):
        allowed |= _allowed_keys(validator, part, instance)
    if isinstance(reference := schema.get("$ref"), str):
        allowed |= _allowed_keys(validator, _resolve(reference), instance)
    return allowed


def _chosen(validator: Validator, schema: Schema, instance: dict[str, str]) -> Iterator[Schema]:
    for keyword in ("anyOf", "oneOf"):
        yield from _parts(schema, keyword)
    if "if" in schema:
        branch = schema.get("then" if validator.evolve(schema=schema["if"]).is_valid(instance) else "else")
        yield from [cast(Schema, branch)] if branch else []


def _parts(schema: Schema, keyword: str) -> list[Schema]:
    return cast("list[Schema]", schema.get(keyword, []))


def _resolve(reference: str) -> Schema:
    found: object = standard_schema()
    for part in reference.removeprefix("#/").split("/"):
        found = cast(Schema, found)[part]
    return cast(Schema, found)


def _relevant(error: ValidationError) -> Iterator[ValidationError]:
    """The errors of the alternative that was meant: the one whose type is right, and of those the one with the fewest errors."""
    if error.validator not in ("oneOf", "anyOf") or not error.context:
        yield error
        return
    branches = [list(group) for _, group in groupby(error.context, key=lambda child: child.relative_schema_path[0])]
    if all(len(branch) == 1 and branch[0].validator == "required" and not branch[0].relative_path for branch in branches):
        yield error
        return
    meant = min(branches, key=lambda branch: (_wrong_type(branch), len(branch)))
    if _wrong_type(meant):
        yield error
        return
    for child in meant:
        yield from _relevant(child)


def _wrong_type(branch: Iterable[ValidationError]) -> bool:
    return any(child.validator == "type" and not child.relative_path for child in branch)


def _report(error: ValidationError, document: Node, findings: Findings) -> None:
    path = list(error.absolute_path)
    node = document.find(path)
    if error.validator == _UNKNOWN:
        findings.unknown(document.find(path[:-1]), str(path[-1]), cast("list[str]", error.validator_value))
    elif error.validator == "required":
        missing = next(key for key in cast("list[str]", error.validator_value) if error.message.startswith(repr(key)))
        # The standard's conditions on logicalType hold where there is none too, and the last of them asks for `map`.
        findings.missing(node, "logicalType" if missing == "map" and node.get("logicalType") is None else missing)
    else:
        findings.add(node, _message(error), absent=error.validator in ("oneOf", "minItems"))


def _message(error: ValidationError) -> str:
    value, key = error.validator_value, str(error.absolute_path[-1]) if error.absolute_path else "the file"
    if error.validator == "enum":
        allowed = [str(item) for item in cast("list[object]", value)]
        return f"unknown {key} {shown(error.instance)}. {did_you_mean(str(error.instance), allowed)}"
    if error.validator in ("oneOf", "anyOf"):
        return _alternatives(error, key)
    if error.validator == "type":
        names = [value] if isinstance(value, str) else cast("list[str]", value)
        return wrong_type(key, error.instance, " or ".join(_TYPES[name] for name in names))
    return f"{named(key)}: {error.message}."


def _alternatives(error: ValidationError, key: str) -> str:
    parts = cast("list[Schema]", error.validator_value)
    keys = [name for part in parts for name in cast("list[str]", part.get("required", []))]
    if keys:
        return f"exactly one is needed here of: {', '.join(keys)}."
    wanted = sorted({str(child.validator_value) for child in error.context or () if child.validator == "type"})
    return wrong_type(key, error.instance, " or ".join(_TYPES.get(name, name) for name in wanted) or "one of the forms the standard knows")


def wrong_type(key: str, value: object, wanted: str) -> str:
    """Sentence that says what kind of value a key takes instead of the one it has."""
    if wanted == _TYPES["object"] and not isinstance(value, list):
        return f"{named(key)} must be {wanted}."  # The value may be a secret that belongs elsewhere.
    hint = " Put quotes around it." if wanted == "a text" and isinstance(value, bool | int | float) else ""
    return f"{named(key)} must be {wanted}, not {shown(value)}.{hint}"


def shown(value: object) -> str:
    """The value as it may stand in a message."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = value if isinstance(value, str) else json.dumps(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f'"{text}"' if isinstance(value, str) else text


def named(key: str) -> str:
    """How a message calls the value under the key."""
    return f"entry {int(key) + 1} of this list" if key.isdigit() else key if key == "the file" else f'"{key}"'
