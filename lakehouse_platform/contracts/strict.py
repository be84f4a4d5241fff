"""Reads nodes into closed pydantic models, with every error at its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.contracts.standard import named, shown, wrong_type
from lakehouse_platform.errors import did_you_mean

_WANTED = {
    "string_type": "a text", "int_type": "a whole number", "float_type": "a number", "bool_type": "true or false",
    "list_type": "a list", "dict_type": "a mapping (key: value)", "model_type": "a mapping (key: value)",
    "int_from_float": "a whole number",
}  # fmt: skip


class Closed(BaseModel):
    """A model that takes no key it does not know and no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


M = TypeVar("M", bound=BaseModel)
_ATTEMPTS = 8
"""A mapping that loses a key it needs is left out in turn, and so is what needs it."""


def read_model(model: type[M], node: Node, findings: Findings) -> M | None:
    """The model with the node's values.

    What does not fit becomes a problem and is left out, so that the rest can be looked at; None where too little is left.
    """
    plain = node.plain()
    for attempt in range(_ATTEMPTS):
        try:
            return model.model_validate(plain)
        except ValidationError as error:
            details = error.errors(include_url=False)
            for found in sorted(details, key=lambda found: found["type"] != "extra_forbidden") if attempt == 0 else ():
                _report(model, found, node, findings)
            if not all(_leave_out(plain, found) for found in details):
                return None
    return None


def _leave_out(plain: object, details: ErrorDetails) -> bool:
    """Take the value that does not fit, or the mapping that lacks one, out of the document."""
    path = details["loc"][:-1] if details["type"] == "missing" else details["loc"]
    holder: dict[object, object] | None = None
    for part in path:
        if not isinstance(plain, dict) or part not in plain:
            break
        holder, last, plain = plain, part, plain[part]
    if holder is not None:
        del holder[last]
    return holder is not None


def _report(model: type[BaseModel], details: ErrorDetails, root: Node, findings: Findings) -> None:
    path, kind = details["loc"], details["type"]
    key = str(path[-1]) if path else "the file"
    if kind == "extra_forbidden":
        findings.unknown(root.find(path[:-1]), key, _keys(model, path[:-1]))
    elif kind == "missing":
        findings.missing(root.find(path[:-1]), key)
    else:
        node = root.find(path)
        findings.add(node, _message(details, key, node))


def _message(details: ErrorDetails, key: str, node: Node) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "union_tag_not_found":
        return f"{named(key)} does not say which kind it is: add `kind`."
    if kind == "union_tag_invalid":
        allowed = re.findall(r"'([^']*)'", str(context["expected_tags"]))
        return f"unknown kind {shown(context['tag'])}. {did_you_mean(str(context['tag']), allowed, noun='kinds')}"
    if kind in ("enum", "literal_error"):
        allowed = re.findall(r"'([^']*)'", str(context["expected"]))
        return f"unknown {key} {shown(node.plain())}. {did_you_mean(node.text, allowed)}"
    if kind in _WANTED:
        return wrong_type(key, details["input"], _WANTED[kind])
    if kind == "value_error":
        message = str(context["error"])
        return message if message.endswith(".") else f"{message}."
    if kind in ("string_too_short", "too_short"):
        return f"{named(key)} must not be empty."
    text = details["msg"].removeprefix("Input ")
    return f'{named(key)} {text}, not {shown(details["input"])}.'


def _keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Keys that the model at the path knows; parts of the path that are no field are keys of a mapping, places in a list, or kinds."""
    kinds: list[type[BaseModel]] = []
    for part in path:
        of_kind = next((kind for kind in kinds if part in get_args(kind.model_fields["kind"].annotation)), None)
        field = model.model_fields.get(str(part)) if of_kind is None else None
        found = list(_models_in(field.annotation)) if field is not None else []
        model = of_kind or next(iter(found), model)
        kinds = [kind for kind in found if "kind" in kind.model_fields]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for part in get_args(annotation):
            yield from _models_in(part)
