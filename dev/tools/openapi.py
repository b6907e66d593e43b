"""`python -m dev.tools.openapi`: writes an OpenAPI 3.1 document for each use case to docs/openapi/.

JSON, because all tools support it and nobody edits the documents.
"""

import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from dev.tools.examples import VALUES, example, request_example
from lambda_src.registry import PLATFORM, USE_CASES, UseCase
from lambda_src.shared.errors import (
    ApiError,
    BudgetExhausted,
    DeadlineExceeded,
    Forbidden,
    IdempotencyKeyReused,
    InProgress,
    InvalidRequest,
    ModelFailed,
    ModelUnavailable,
    NotFound,
    Refused,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from lambda_src.shared.routes import CALLER, Route

Json = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "docs" / "openapi"
ERRORS: tuple[type[ApiError], ...] = (ApiError, *ApiError.__subclasses__())
# Errors with a Retry-After header.
RETRIED = (BudgetExhausted, InProgress, Throttled, Unavailable)


class ErrorDetail(msgspec.Struct):
    """The error of one field, such as `body.photos[0].data`.

    `reason` is for programs, where there are several; `length` and `limit` are of what is too long.
    """

    path: str
    message: str
    reason: str | UnsetType = UNSET
    length: int | UnsetType = UNSET
    limit: int | UnsetType = UNSET


class ErrorContent(msgspec.Struct, rename="camel"):
    """`code` is for programs, `message` for users; `requestId` identifies the request in the logs."""

    code: Literal[tuple(sorted({error.code for error in ERRORS}))]  # type: ignore[valid-type]
    message: str
    request_id: str
    details: list[ErrorDetail] | UnsetType = UNSET


class Error(msgspec.Struct):
    """All error responses, including the gateway's."""

    error: ErrorContent


class Delta(msgspec.Struct):
    """The next piece of the generated text."""

    text: str


IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes retries safe: for 24 hours, a request with the same key and body returns the first response "
    "without calling a model. Keys are separate for each caller and route. A failed request releases its key. Without "
    "the header, no response is stored.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[ -~]+$"},
    "example": "report-2026-01-15-pump-4",
}
HEADERS: Json = {
    "IdempotencyReplayed": {
        "description": "Set to true if this is the stored response to an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "RetryAfter": {
        "description": "Seconds to wait before retrying.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
SECURITY: Json = {
    "sigv4": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "AWS Signature Version 4 for the service `execute-api`, the default of a stage; the principal "
        "needs `execute-api:Invoke`.",
        "x-amazon-apigateway-authtype": "awsSigv4",
    },
    "cognito": {
        "type": "http",
        "scheme": "bearer",
        "description": "An ID token of the stage's user pool, for stages with the `auth.type` `cognito`. On the API "
        "for tokens and keys, a token of one of the stage's issuers (`auth.issuers`) or an API key (`auth.apiKeys`).",
    },
}
SERVER: Json = {
    "url": "{baseUrl}",
    "description": "A deployed stage",
    "variables": {
        "baseUrl": {
            "default": "https://api-id.execute-api.us-west-2.amazonaws.com/v1",
            "description": "The stack's output `Url`, or the SSM parameter "
            "`/bedrock-endpoints/<stage>/<use-case>/url`, without the trailing slash. For tokens and keys of a stage "
            "that accepts them: `TokenUrl` and `token-url`.",
        }
    },
}


def document(use_case: UseCase) -> Json:
    """The use case's API as an OpenAPI 3.1 document."""
    schemas = _Schemas(use_case.routes)
    responses: dict[str, Json] = {}
    paths: dict[str, Json] = {}
    for route in use_case.routes:
        operation = _operation(route, use_case, schemas)
        operation["responses"].update(_error_responses(route, responses))
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    components: Json = {
        "schemas": schemas.components,
        "responses": dict(sorted(responses.items())),
        "headers": HEADERS,
        "securitySchemes": SECURITY,
    }
    if any(route.idempotent for route in use_case.routes):
        components["parameters"] = {"IdempotencyKey": IDEMPOTENCY_KEY}
    else:
        components["headers"] = {"RetryAfter": HEADERS["RetryAfter"]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": use_case.title,
            "version": "1",
            "summary": use_case.summary,
            "description": "JSON in camelCase, UTF-8; times are RFC 3339 in UTC. Generated from the route table.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [SERVER],
        "security": [{name: []} for name in SECURITY],
        "tags": [{"name": use_case.id, "description": use_case.summary}],
        "paths": paths,
        "components": components,
    }


def body_of(use_case: UseCase, route: Route) -> Any:
    """The example of a route's request body; None if it has no body."""
    return _Schemas(use_case.routes).request(route)


class _Schemas:
    """The types of all routes as components, and references to them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        types: list[type] = [Error]
        for route in routes:
            types += [body_type for body_type in (route.request, *dict(_successes(route)).values()) if body_type]
            types += [Delta] if _stream(route) else []
        types = list(dict.fromkeys(types))
        roots, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
        self._roots = dict(zip(types, roots, strict=True))
        self.components = {name: _tidy(schema) for name, schema in sorted(components.items())}

    def of(self, body_type: type) -> Json:
        return dict(self._roots[body_type])

    def request(self, route: Route) -> Any:
        """An example of the route's body; None if it has no body."""
        return request_example(route, self._roots[route.request], self.components) if route.request else None

    def example(self, body_type: type) -> Any:
        return example(self._roots[body_type], self.components)


def _tidy(node: Any) -> Any:
    """msgspec's schema with types of enums, which client generators need, and without redundant entries."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidy(value) for key, value in node.items() if (key, value) != ("required", [])}
    if isinstance(tidy.get("enum"), list):
        tidy = {"type": "integer" if isinstance(tidy["enum"][0], int) else "string", **tidy}
    if isinstance(tidy.get("description"), str):
        tidy["description"] = inspect.cleandoc(tidy["description"])
    return tidy


def _stream(route: Route) -> str | None:
    """The name of a streaming route's last event."""
    name: str | None = getattr(route, "stream", None)
    return name


def _successes(route: Route) -> list[tuple[int, type | None]]:
    return [(route.status, route.response), *route.other_responses]


def _operation(route: Route, use_case: UseCase, schemas: _Schemas) -> Json:
    operation: Json = {
        "operationId": camel(route.operation),
        "summary": route.summary,
        "tags": [use_case.id],
    }
    operation["description"] = (
        "For all callers."
        if CALLER in route.roles
        else f"For callers with one of these roles: {', '.join(route.roles)}."
    )
    parameters = _parameters(route)
    if parameters:
        operation["parameters"] = parameters
    if route.request:
        schema = schemas.of(route.request)
        body = schemas.request(route)
        operation["requestBody"] = {
            "description": f"At most {route.max_body_bytes:,} bytes. Unknown fields are refused.",
            "required": True,
            "content": {"application/json": {"schema": schema, "example": body}},
        }
    operation["responses"] = {
        str(status): _success(route, status, body_type, schemas)
        for status, body_type in sorted(_successes(route), key=_status)
    }
    return operation


def _status(success: tuple[int, type | None]) -> int:
    return success[0]


def _parameters(route: Route) -> list[Json]:
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
            "example": VALUES["id"],
        }
        for name in route.path_parameters
    ]
    if route.query:
        parameters += _query_parameters(route.query)
    if route.idempotent:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return parameters


def _query_parameters(query: type) -> list[Json]:
    _, components = msgspec.json.schema_components([query])
    properties = components[query.__name__]["properties"]
    return [
        {
            "name": field.encode_name,
            "in": "query",
            "required": field.required,
            "schema": _without_null(properties[field.encode_name]),
        }
        for field in msgspec.structs.fields(query)
    ]


def _without_null(schema: Mapping[str, Any]) -> Json:
    """The schema without null, which a query cannot contain."""
    choices = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    tidy: Json = _tidy(choices[0] if len(choices) == 1 else schema)
    return tidy


def _success(route: Route, status: int, body_type: type | None, schemas: _Schemas) -> Json:
    answer: Json = {"description": HTTPStatus(status).phrase}
    if route.idempotent:
        answer["headers"] = {"Idempotency-Replayed": {"$ref": "#/components/headers/IdempotencyReplayed"}}
    last_event = _stream(route)
    if body_type and last_event and status == route.status:
        answer["description"] = "A stream of events"
        answer["content"] = {"text/event-stream": _events(last_event, body_type, schemas)}
    elif body_type:
        answer["content"] = {
            "application/json": {"schema": schemas.of(body_type), "example": schemas.example(body_type)}
        }
        if route.csv:
            answer["content"]["text/csv"] = {"schema": {"type": "string"}}
    return answer


def _events(last_event: str, body_type: type, schemas: _Schemas) -> Json:
    """Describes a stream of events in the way of OpenAPI 3.2, because 3.1 does not support it."""
    delta = _event("delta", Delta, schemas)
    end = _event(last_event, body_type, schemas)
    failed = _event("error", Error, schemas)
    text = schemas.example(Delta)
    return {
        "schema": {
            "type": "array",
            "description": f"Server-sent events, `data` of each as JSON: any number of `delta`, then `{last_event}` "
            "with the complete answer, or `error`. Lines that start with a colon keep the connection alive.",
            "items": {"oneOf": [delta, end, failed]},
        },
        "example": [
            {"event": "delta", "data": json.dumps(text, ensure_ascii=False)},
            {"event": last_event, "data": json.dumps(schemas.example(body_type), ensure_ascii=False)},
        ],
    }


def _event(name: str, body_type: type, schemas: _Schemas) -> Json:
    return {
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"type": "string", "enum": [name]},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": schemas.of(body_type)},
        },
    }


def errors_of(route: Route) -> list[type[ApiError]]:
    """The errors of a route: those in the route table, and those of all routes."""
    errors: list[type[ApiError]] = [Unauthorized, Forbidden, Throttled, ApiError, Unavailable, DeadlineExceeded]
    rules: list[tuple[bool, tuple[type[ApiError], ...]]] = [
        (bool(route.request or route.query), (InvalidRequest,)),
        (bool(route.request), (TooLarge,)),
        (bool(route.path_parameters), (NotFound,)),
        (route.idempotent, (InProgress, IdempotencyKeyReused)),
        (route.calls_model, (BudgetExhausted, Refused, ModelFailed, ModelUnavailable)),
        (True, route.raises),
    ]
    errors += [error for applies, group in rules if applies for error in group]
    return sorted(dict.fromkeys(errors), key=lambda error: (error.status, error.code))


def _error_responses(route: Route, responses: dict[str, Json]) -> Json:
    """Maps statuses to references; adds missing responses to `responses`."""
    by_status: dict[int, list[type[ApiError]]] = {}
    for error in errors_of(route):
        by_status.setdefault(error.status, []).append(error)
    references = {}
    for status, errors in by_status.items():
        name = "Or".join(_error_name(error) for error in errors)
        responses.setdefault(name, _error_response(errors))
        references[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return references


def _error_name(error: type[ApiError]) -> str:
    return "Internal" if error is ApiError else error.__name__


def _error_response(errors: Sequence[type[ApiError]]) -> Json:
    response: Json = {"description": "; or ".join(f"`{error.code}`: {_meaning(error)}" for error in errors)}
    if any(error in RETRIED for error in errors):
        response["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    response["content"] = {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/Error"},
            "examples": {error.code: {"value": _error_example(error)} for error in errors},
        }
    }
    return response


def _meaning(error: type[ApiError]) -> str:
    """The class's docstring without the status."""
    if error is ApiError:
        return "an internal error occurred"
    return " ".join((error.__doc__ or "").split()).partition(": ")[2].rstrip(".") or "try again later"


def _error_example(error: type[ApiError]) -> Any:
    message = _meaning(error)
    details = None
    if error is InvalidRequest:
        details = [{"path": "body.model", "message": "not a model that this stage offers"}]
        message = "body.model: not a model that this stage offers"
    return error(message[0].upper() + message[1:], details=details).body(str(VALUES["requestId"]))


def camel(name: str) -> str:
    """`create_images` -> `createImages`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def files(use_cases: Sequence[UseCase]) -> dict[str, str]:
    """Maps file names in docs/openapi/ to their contents."""
    return {
        f"{use_case.id}.json": json.dumps(document(use_case), indent=2, ensure_ascii=False) + "\n"
        for use_case in use_cases
    }


def write(folder: Path, contents: Mapping[str, str], report: Callable[[str], None]) -> None:
    """Writes the files and deletes all others in the folder, except hidden files."""
    for old in folder.rglob("[!.]*"):
        if old.is_file() and str(old.relative_to(folder)) not in contents:
            old.unlink()
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    report(f"{len(contents)} files in {folder.name}/")


def main() -> int:
    write(FOLDER, files((*USE_CASES, *PLATFORM)), print)
    return 0


if __name__ == "__main__":
    sys.exit(main())
