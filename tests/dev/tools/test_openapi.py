"""The OpenAPI documents match the route tables, are valid, and describe errors and streams."""

import inspect
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from msgspec import Meta

from dev.tools import openapi
from lambda_src import registry
from lambda_src.registry import UseCase
from lambda_src.shared.errors import ApiError, Conflict
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import NOT_BLANK

Json = dict[str, Any]
ROOT = Path(__file__).parents[3]
NO_EXAMPLE = (
    "Give the field `Meta(examples=[...])`, or list the request in dev/tools/examples.py; then run `make openapi`"
)
DOCUMENTED = (*registry.USE_CASES, *registry.PLATFORM)
DOCUMENTS = {use_case.id: openapi.document(use_case) for use_case in DOCUMENTED}


class Note(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    text: str
    number: Annotated[str, Meta(pattern="^N-[0-9]+$", examples=["N-1"])]
    note_id: str | None = None


class Noted(msgspec.Struct, rename="camel"):
    request_id: str
    created_at: str


class StreamingRoute(Route, frozen=True, kw_only=True):
    stream: str | None = None


class NoteTaking(UseCase, frozen=True, kw_only=True):
    """A use case for tests."""

    summary = "Notes."
    routes = (
        StreamingRoute(
            method="POST",
            path="/notes/{id}/messages/stream",
            operation="stream_note",
            summary="Stream a note",
            request=Note,
            response=Noted,
            calls_model=True,
            stream="message",
        ),
        StreamingRoute(
            method="DELETE", path="/notes/{id}", operation="drop", summary="Drop it", status=204, raises=(Conflict,)
        ),
    )


SAMPLE = NoteTaking(name="note_taking", title="Note taking")


@pytest.mark.parametrize("use_case", DOCUMENTED, ids=lambda use_case: use_case.id)
def test_the_document_matches_the_route_table(use_case: UseCase) -> None:
    path = ROOT / "docs" / "openapi" / f"{use_case.id}.json"
    written = path.read_text() if path.is_file() else None

    assert openapi.files([use_case])[f"{use_case.id}.json"] == written, "run `make openapi`"


def test_every_document_has_a_use_case() -> None:
    written = {path.name for path in (ROOT / "docs" / "openapi").iterdir()}
    assert written == {f"{name}.json" for name in DOCUMENTS}, "run `make openapi`"


def test_documents_have_no_lint_errors(tmp_path: Path) -> None:
    sample = tmp_path / "sample.json"
    sample.write_text(json.dumps(openapi.document(SAMPLE)))

    for path in [*sorted((ROOT / "docs" / "openapi").glob("*.json")), sample]:
        report = redocly(path)
        clean = {"errors": 0, "warnings": 0, "ignored": 0}
        assert report["totals"] == clean, f"{path.name}: {report['problems']}\nAn invalid example: {NO_EXAMPLE}"


def test_the_linter_detects_an_invalid_example(tmp_path: Path) -> None:
    broken = openapi.document(SAMPLE)
    operation = broken["paths"]["/notes/{id}/messages/stream"]["post"]
    operation["requestBody"]["content"]["application/json"]["example"] = {"text": 1, "number": "N-1"}
    (tmp_path / "broken.json").write_text(json.dumps(broken))

    assert redocly(tmp_path / "broken.json")["totals"]["errors"] == 1


@pytest.mark.parametrize("document", [*DOCUMENTS.values(), openapi.document(SAMPLE)], ids=[*DOCUMENTS, "sample"])
def test_examples_match_their_schemas(document: Json) -> None:
    examples = list(_examples(document))

    assert len(examples) > len(document["paths"])
    for value, schema in examples:
        Draft202012Validator.check_schema(schema)
        errors = list(Draft202012Validator({**schema, "components": document["components"]}).iter_errors(value))
        assert not errors, f"{[f'{error.json_path}: {error.message}' for error in errors]}. {NO_EXAMPLE}"


def test_request_examples_are_accepted() -> None:
    for use_case in (*DOCUMENTED, SAMPLE):
        for route in use_case.routes:
            if route.request:
                try:
                    msgspec.convert(openapi.body_of(use_case, route), route.request)
                except msgspec.ValidationError as error:
                    pytest.fail(f"{route.method} {route.path}: {error}. {NO_EXAMPLE}")


def test_streams_have_the_same_example_as_their_plain_routes() -> None:
    for use_case in DOCUMENTED:
        by_path = {route.path: route for route in use_case.routes if route.method == "POST"}
        for path, route in by_path.items():
            if route.stream:
                plain = by_path[path.removesuffix("/stream")]
                assert openapi.body_of(use_case, route) == openapi.body_of(use_case, plain)


def test_errors_have_one_schema_and_are_documented_per_route() -> None:
    document = DOCUMENTS["hr-qa"]

    assert statuses(document, "/questions", "post") == {
        *("200", "400", "401", "403", "404", "409", "413", "422", "429", "500", "502", "503", "504")
    }
    # The route calls no model and has no body.
    assert statuses(document, "/documents", "get") == {"200", "400", "401", "403", "404", "429", "500", "503", "504"}
    for response in document["components"]["responses"].values():
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_a_route_without_input_has_no_invalid_request() -> None:
    assert "400" not in statuses(DOCUMENTS["playground"], "/models", "get")
    assert "409" in statuses(openapi.document(SAMPLE), "/notes/{id}", "delete")


@pytest.mark.parametrize("use_case", DOCUMENTED, ids=lambda use_case: use_case.id)
def test_errors_in_service_docstrings_are_documented(use_case: UseCase) -> None:
    service = use_case.service
    errors = {error.__name__: error for error in ApiError.__subclasses__()}
    for route in use_case.routes:
        raised = (inspect.getdoc(getattr(service, route.operation, None)) or "").partition("Raises")[2]
        for name in errors.keys() & set(re.findall(r"`(\w+)`", raised)):
            advice = f"`{service.__name__}.{route.operation}` raises `{name}`: add it to the route's `raises`"
            assert errors[name] in openapi.errors_of(route), f"{advice}, then run `make openapi`"


def test_retry_after_is_documented() -> None:
    for document in DOCUMENTS.values():
        for name, response in document["components"]["responses"].items():
            expected = any(error in name for error in ("InProgress", "Throttled", "Unavailable"))
            assert ("Retry-After" in response.get("headers", {})) is expected


def test_only_idempotent_routes_accept_a_key() -> None:
    for use_case in DOCUMENTED:
        for route in use_case.routes:
            operation = DOCUMENTS[use_case.id]["paths"][route.path][route.method.lower()]
            reference = {"$ref": "#/components/parameters/IdempotencyKey"}
            assert (reference in operation.get("parameters", [])) is route.idempotent
            answer = operation["responses"][str(route.status)]
            assert ("Idempotency-Replayed" in answer.get("headers", {})) is route.idempotent


def test_each_success_status_has_its_type() -> None:
    responses = DOCUMENTS["image-generation"]["paths"]["/images"]["get"]["responses"]

    shown = {status: responses[status]["content"]["application/json"]["schema"]["$ref"] for status in ("200", "201")}
    assert shown == {"200": "#/components/schemas/ImageList", "201": "#/components/schemas/CreatedImages"}


def test_query_has_defaults_and_no_null() -> None:
    parameters = {
        parameter["name"]: parameter
        for parameter in DOCUMENTS["image-generation"]["paths"]["/images"]["get"]["parameters"]
    }

    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert parameters["prompt"]["schema"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 2000,
        "pattern": NOT_BLANK,
    }
    assert not parameters["prompt"]["required"]


def test_comparison_describes_its_items() -> None:
    items = DOCUMENTS["playground"]["components"]["schemas"]["Comparison"]["properties"]["items"]

    assert items["items"]["anyOf"] == [
        {"$ref": "#/components/schemas/Completion"},
        {"$ref": "#/components/schemas/Error"},
    ]


def test_callers_sign_or_send_a_token() -> None:
    document = DOCUMENTS["embeddings"]
    schemes = document["components"]["securitySchemes"]

    assert document["security"] == [{"sigv4": []}, {"cognito": []}]
    assert schemes["sigv4"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    assert (schemes["sigv4"]["type"], schemes["sigv4"]["in"], schemes["sigv4"]["name"]) == (
        *("apiKey", "header", "Authorization"),
    )
    assert (schemes["cognito"]["type"], schemes["cognito"]["scheme"]) == ("http", "bearer")


def test_a_streams_events_are_described() -> None:
    document = openapi.document(SAMPLE)
    operation = document["paths"]["/notes/{id}/messages/stream"]["post"]

    content = operation["responses"]["200"]["content"]
    assert list(content) == ["text/event-stream"]
    events = content["text/event-stream"]["schema"]["items"]["oneOf"]
    schemas = {
        event["properties"]["event"]["enum"][0]: event["properties"]["data"]["contentSchema"]["$ref"].rpartition("/")[2]
        for event in events
    }
    assert schemas == {"delta": "Delta", "message": "Noted", "error": "Error"}
    # The data of each event matches its schema.
    for event in content["text/event-stream"]["example"]:
        schema = {"$ref": f"#/components/schemas/{schemas[event['event']]}", "components": document["components"]}
        Draft202012Validator(schema).validate(json.loads(event["data"]))
    assert operation["responses"]["502"]["$ref"].endswith("/ModelFailed")


def test_a_new_route_has_a_generated_example() -> None:
    assert openapi.body_of(SAMPLE, SAMPLE.routes[0]) == {
        "text": "A mechanical seal keeps the liquid in where the shaft leaves the pump.",
        "number": "N-1",
    }


def test_files_without_a_table_are_deleted(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "gone.json").write_text("{}")
    (tmp_path / ".env").write_text("KEY=mine")

    openapi.write(tmp_path, {"new/one.json": "{}"}, lambda _line: None)

    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"new/one.json", ".env"}


def redocly(path: Path) -> Json:
    completed = subprocess.run(
        [ROOT / "node_modules" / ".bin" / "redocly", "lint", "--format=json", path],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={
            "PATH": f"{ROOT / '.venv' / 'bin'}:/usr/bin:/bin",
            "REDOCLY_TELEMETRY": "off",
            "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        },
    )
    report: Json = json.loads(completed.stdout)
    return report


def statuses(document: Json, path: str, method: str) -> set[str]:
    return set(document["paths"][path][method]["responses"])


def _examples(node: Any) -> Iterator[tuple[Any, Json]]:
    """Yields all examples of a document with their schemas."""
    if isinstance(node, list):
        for item in node:
            yield from _examples(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("schema"), dict):
        if "example" in node:
            yield node["example"], node["schema"]
        for example in node.get("examples", {}).values():
            yield example["value"], node["schema"]
    for item in node.values():
        yield from _examples(item)
