"""msgspec's JSON Schema (draft 2020-12) in the form that API Gateway's models take: draft-04, without references."""

from collections.abc import Mapping
from typing import Any

import msgspec

Schema = dict[str, Any]
DRAFT_04 = "http://json-schema.org/draft-04/schema#"
# Said for readers of the documentation; a validator has no use for it, or draft-04 does not know it.
_DROPPED = {"$defs", "title", "description", "default", "examples", "contentEncoding", "discriminator"}


class NotExpressible(Exception):
    """The type has no finite draft-04 schema without references, or needs a keyword that draft-04 does not have."""


def gateway_schema(kind: Any) -> Schema:
    """The schema for a msgspec type, complete in itself."""
    schema = msgspec.json.schema(kind)
    return {"$schema": DRAFT_04, **_convert(schema, schema.get("$defs", {}), ())}


def _convert(schema: Mapping[str, Any], definitions: Mapping[str, Schema], inside: tuple[str, ...]) -> Schema:
    """`inside` names the definitions that are being inlined: meeting one of them again would never end."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in inside:
            raise NotExpressible(f"{name} contains itself, which a model of the gateway cannot say")
        return _convert(definitions[name], definitions, (*inside, name))
    converted: Schema = {}
    for key, value in schema.items():
        # Beside `prefixItems`, `items` says that nothing may follow; so does what the tuple becomes.
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
        # Draft-04 wants at least one name there, and the gateway refuses the model otherwise.
        return {}
    if key in ("anyOf", "oneOf", "allOf"):
        return {key: [_convert(item, definitions, inside) for item in value]}
    if key == "const":
        return {"enum": [value]}
    if key in ("exclusiveMinimum", "exclusiveMaximum"):
        # A number of its own since draft-06; before, a flag beside the limit.
        return {"minimum" if key == "exclusiveMinimum" else "maximum": value, key: True}
    return {key: value}
