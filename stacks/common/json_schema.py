"""Converts msgspec's JSON Schema (draft 2020-12) to the form API Gateway's models require: draft-04, no references."""

from collections.abc import Mapping
from typing import Any

import msgspec

Schema = dict[str, Any]
DRAFT_04 = "http://json-schema.org/draft-04/schema#"
# Documentation only, or unknown to draft-04.
_DROPPED = {"$defs", "title", "description", "default", "examples", "contentEncoding", "discriminator"}


class NotExpressible(Exception):
    """The type has no finite draft-04 schema without references, or needs a keyword that draft-04 lacks."""


def gateway_schema(message_type: Any) -> Schema:
    """The self-contained schema of a msgspec type."""
    schema = msgspec.json.schema(message_type)
    return {"$schema": DRAFT_04, **_convert(schema, schema.get("$defs", {}), ())}


def _convert(schema: Mapping[str, Any], definitions: Mapping[str, Schema], inside: tuple[str, ...]) -> Schema:
    """`inside` names the definitions being inlined; a repeated one would recurse forever."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in inside:
            raise NotExpressible(f"{name} contains itself, which a gateway model cannot express")
        return _convert(definitions[name], definitions, (*inside, name))
    converted: Schema = {}
    for key, value in schema.items():
        # With `prefixItems`, `items` forbids further items; so does the converted tuple.
        if key not in _DROPPED and not (key == "items" and "prefixItems" in schema):
            converted.update(_keyword(key, value, definitions, inside))
    return converted


def _keyword(key: str, value: Any, definitions: Mapping[str, Schema], inside: tuple[str, ...]) -> Schema:
    if key == "properties":
        return {key: {name: _convert(item, definitions, inside) for name, item in value.items()}}
    if key == "prefixItems":
        return {"items": [_convert(item, definitions, inside) for item in value], "additionalItems": False}
    if isinstance(value, dict):
        return {key: _convert(value, definitions, inside)}
    if key == "required" and not value:
        # Draft-04 requires at least one name there; the gateway rejects the model otherwise.
        return {}
    if key in ("anyOf", "oneOf", "allOf"):
        return {key: [_convert(item, definitions, inside) for item in value]}
    if key == "const":
        return {"enum": [value]}
    if key in ("exclusiveMinimum", "exclusiveMaximum"):
        # A number since draft-06; in draft-04 a flag that modifies the limit.
        return {"minimum" if key == "exclusiveMinimum" else "maximum": value, key: True}
    return {key: value}
