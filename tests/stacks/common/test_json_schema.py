from typing import Annotated, Literal

import msgspec
import pytest

from lambda_src.chatbot import routes as chatbot
from lambda_src.embeddings import routes as embeddings
from lambda_src.image_generation import routes as image_generation
from lambda_src.playground import routes as playground
from lambda_src.shared.routes import Route
from lambda_src.summarization import routes as summarization
from stacks.common.json_schema import DRAFT_04, NotExpressible, gateway_schema

BODIES = [
    pytest.param(route, id=route.operation)
    for module in (image_generation, summarization, embeddings, playground, chatbot)
    for route in module.ROUTES
    if route.request
]


class Photo(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    content_type: Literal["image/png", "image/jpeg"]
    data: bytes


class Request(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A description for readers."""

    photos: Annotated[list[Photo], msgspec.Meta(min_length=1, max_length=5)]
    cover: Photo | None = None
    guidance: Annotated[float, msgspec.Meta(gt=0, lt=10, title="Guidance", description="...")] = 5.0
    kind: Literal["poster"] = "poster"
    title: str = ""
    size: tuple[int, int] = (1, 1)


class Tree(msgspec.Struct):
    branches: "list[Tree]"


def keywords(schema: object) -> set[str]:
    """All keywords in a schema. Property names are not keywords."""
    if isinstance(schema, list):
        return set().union(*map(keywords, schema))
    if not isinstance(schema, dict):
        return set()
    names: set[str] = set()
    for key, value in schema.items():
        names.add(key)
        names |= set().union(*map(keywords, value.values())) if key == "properties" else keywords(value)
    return names


def test_definitions_are_inlined() -> None:
    schema = gateway_schema(Request)

    assert schema["$schema"] == DRAFT_04
    assert schema["properties"]["photos"] == {
        "type": "array",
        "minItems": 1,
        "maxItems": 5,
        "items": {
            "type": "object",
            "properties": {
                "contentType": {"enum": ["image/jpeg", "image/png"]},
                "data": {"type": "string"},
            },
            "required": ["contentType", "data"],
            "additionalProperties": False,
        },
    }
    assert schema["properties"]["photos"]["items"] in schema["properties"]["cover"]["anyOf"]


def test_newer_keywords_are_converted() -> None:
    properties = gateway_schema(Request)["properties"]

    assert properties["guidance"] == {
        "type": "number",
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 10,
        "exclusiveMaximum": True,
    }
    assert properties["kind"] == {"enum": ["poster"]}
    assert properties["size"]["items"] == [{"type": "integer"}, {"type": "integer"}]
    assert properties["size"]["additionalItems"] is False


def test_a_property_may_have_the_name_of_a_keyword() -> None:
    assert gateway_schema(Request)["properties"]["title"] == {"type": "string"}


def test_an_empty_list_of_required_properties_is_left_out() -> None:
    class Nothing(msgspec.Struct):
        name: str = ""

    assert gateway_schema(Nothing) == {
        "$schema": DRAFT_04,
        "type": "object",
        "properties": {"name": {"type": "string"}},
    }


def test_a_recursive_type_is_not_expressible() -> None:
    with pytest.raises(NotExpressible, match="Tree"):
        gateway_schema(Tree)


@pytest.mark.parametrize("route", BODIES)
def test_every_request_type_is_expressible(route: Route) -> None:
    schema = gateway_schema(route.request)

    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert [] not in schema.values()
    assert not keywords(schema) & {"$ref", "$defs", "const", "prefixItems", "contentEncoding", "default"}
