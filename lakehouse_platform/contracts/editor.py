"""The JSON Schema that editors complete and check a contract's file with."""

from __future__ import annotations

import copy
from typing import Any

from lakehouse_platform.contracts.block import InvalidArguments, LakehouseBlock, MissingArguments
from lakehouse_platform.contracts.columns import TRANSFORMS
from lakehouse_platform.contracts.contract import OnFailure
from lakehouse_platform.contracts.merge import BLOCK
from lakehouse_platform.contracts.promises import PROMISES, STATUSES, UNITS, VERSIONS
from lakehouse_platform.contracts.standard import standard_schema
from lakehouse_platform.contracts.types import ALIASES, VOCABULARY

Schema = dict[str, Any]  # JSON Schema is as free as JSON
_PREFIX = "Lakehouse"


def editor_schema() -> Schema:
    """The standard's schema with the platform's own words in it.

    Nothing is required, since a domain's `_defaults.yaml` may hold any section; `lakehouse validate` judges the merged whole.
    """
    schema: Schema = copy.deepcopy(dict(standard_schema()))
    definitions = schema["$defs"]
    block = _own_definitions(LakehouseBlock, definitions)
    schema |= {"title": "Lakehouse contract", "required": []}
    _narrow(schema["properties"], "status", {"enum": list(STATUSES)})
    _narrow(schema["properties"], "apiVersion", {"enum": list(VERSIONS)})
    schema["properties"]["customProperties"] = {"type": "array", "items": _custom_property(block)}
    _narrow(definitions["ServiceLevelAgreementProperty"]["properties"], "property", {"enum": list(PROMISES)})
    _narrow(definitions["ServiceLevelAgreementProperty"]["properties"], "unit", {"enum": list(UNITS)})
    _quality(definitions)
    column = definitions["SchemaBaseProperty"]["properties"]
    words = "|".join(TRANSFORMS)
    _narrow(column, "transformLogic", {"pattern": rf"^\s*({words})\s*(\|\s*({words})\s*)*$", "examples": [*TRANSFORMS, "trim | upper"]})
    definitions["SchemaElement"]["properties"]["physicalType"]["examples"] = ["numeric(18,2)", *VOCABULARY, *ALIASES]
    return schema


def _narrow(properties: Schema, key: str, extra: Schema) -> None:
    properties[key] = {**properties[key], **extra}


def _custom_property(block: Schema) -> Schema:
    condition = {"properties": {"property": {"const": BLOCK}}, "required": ["property"]}
    return {"allOf": [{"$ref": "#/$defs/CustomProperty"}, {"if": condition, "then": {"properties": {"value": block}}}]}


def _quality(definitions: Schema) -> None:
    severity = {"enum": list(OnFailure), "description": "What happens to rows that break the rule."}
    _narrow(definitions["DataQuality"]["properties"], "severity", severity)
    arguments = {"invalidValues": InvalidArguments, "missingValues": MissingArguments}
    for metric, model in arguments.items():
        condition = {"properties": {"metric": {"const": metric}}, "required": ["metric"]}
        typed = {"properties": {"arguments": _own_definitions(model, definitions)}}
        definitions["DataQualityLibrary"]["allOf"].append({"if": condition, "then": typed})


def _own_definitions(model: type[Any], definitions: Schema) -> Schema:
    """A reference to the model's schema, which is put among the definitions under a name of its own."""
    schema: Schema = model.model_json_schema(ref_template=f"#/$defs/{_PREFIX}{{model}}")
    for name, definition in schema.pop("$defs", {}).items():
        definitions[_PREFIX + name] = definition
    definitions[_PREFIX + model.__name__] = schema
    return {"$ref": f"#/$defs/{_PREFIX}{model.__name__}"}
