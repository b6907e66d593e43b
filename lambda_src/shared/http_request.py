"""The gateway's proxy event as an HTTP request: headers, caller, and the decoded parameters, query and body."""

import base64
import binascii
import re
from typing import Any

import msgspec

from lambda_src.shared.callers import Grant, Source, find_caller, find_grant, find_groups, find_source, principal_arn
from lambda_src.shared.errors import InvalidRequest, NotFound, TooLarge
from lambda_src.shared.ids import is_id
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import NOT_BLANK

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
# msgspec's messages: "... - at `$.photos[0].data`". The name of an unknown field is the caller's.
_PLACE = re.compile(r"(.*?)(?: - at `(?:key in `)?\$([^`]*)`{1,2})?", re.DOTALL)
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_IS_BLANK = f"Expected `str` matching regex {NOT_BLANK!r}"


class HttpRequest:
    """One request. Nothing is decoded before it is asked for."""

    def __init__(self, event: dict[str, Any]) -> None:
        self._event = event
        self._context: dict[str, Any] = event.get("requestContext", {})
        self.method: str | None = event.get("httpMethod")
        self.resource: str | None = event.get("resource")
        self.path_parameters: dict[str, str] = event.get("pathParameters") or {}

    @property
    def id(self) -> str | None:
        return self._context.get("requestId")

    @property
    def caller(self) -> str | None:
        return find_caller(self._context)

    @property
    def groups(self) -> frozenset[str]:
        return find_groups(self._context)

    @property
    def grant(self) -> Grant:
        return find_grant(self._context)

    @property
    def source(self) -> Source:
        return find_source(self._context)

    @property
    def principal(self) -> str | None:
        """The IAM principal's ARN, for logs: it is no proof of who calls."""
        return principal_arn(self._context)

    def header(self, name: str) -> str | None:
        """A header's value; `name` in lower case."""
        for key, value in (self._event.get("headers") or {}).items():
            if key.lower() == name:
                return str(value)
        return None

    def arguments(self, route: Route) -> dict[str, Any]:
        """What the route's operation takes: path parameters, `query`, `body`.

        Raises `NotFound` for a path parameter that is no id, `InvalidRequest` and `TooLarge`.
        """
        arguments: dict[str, Any] = {name: self._id(name) for name in route.path_parameters}
        if route.query is not None:
            arguments["query"] = self._query(route.query)
        if route.request is not None:
            arguments["body"] = self._body(route.request, route.max_body_bytes)
        return arguments

    def _id(self, name: str) -> str:
        # Checked before any call: DynamoDB refuses long keys, and an empty one, with an error of its own.
        value = self.path_parameters.get(name) or ""
        if not is_id(value):
            raise NotFound("There is nothing of yours with this id.")
        return value

    def _query(self, query_type: type) -> Any:
        raw: dict[str, str] = self._event.get("queryStringParameters") or {}
        try:
            query: Any = msgspec.convert(raw, query_type, strict=False)
        except msgspec.ValidationError as error:
            raise _invalid("query", error) from error
        for name, value in raw.items():
            # msgspec also converts 5.0 and 1e1.
            if isinstance(_field(query, name), int) and not _INTEGER.fullmatch(value):
                raise InvalidRequest.at(f"query.{name}", "Expected `int`, got `str`")
        return query

    def _body(self, body_type: type, max_bytes: int) -> Any:
        content_type = (self.header("content-type") or "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise InvalidRequest.at("headers.Content-Type", "must be application/json")
        raw = self._raw_body()
        if len(raw) > max_bytes:
            raise TooLarge(f"The body has {len(raw):,} bytes; the limit is {max_bytes:,}.")
        try:
            return msgspec.json.decode(raw, type=body_type)
        except msgspec.ValidationError as error:
            raise _invalid("body", error) from error
        except msgspec.DecodeError as error:
            raise InvalidRequest.at("body", f"not JSON ({error})") from error
        except UnicodeDecodeError as error:
            raise InvalidRequest.at("body", "not UTF-8") from error

    def _raw_body(self) -> bytes:
        raw = (self._event.get("body") or "").encode()
        if not self._event.get("isBase64Encoded"):
            return raw
        try:
            return base64.b64decode(raw, validate=True)
        except binascii.Error as error:
            raise InvalidRequest.at("body", "not valid base64") from error


def _field(query: Any, name: str) -> Any:
    """The value of a query's field by its API name."""
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(query)}
    return getattr(query, fields[name])


def _invalid(root: str, error: msgspec.ValidationError) -> InvalidRequest:
    """msgspec's error in the API's words, with the path of the field."""
    message, place = _PLACE.fullmatch(str(error)).groups()  # type: ignore[union-attr]
    path = root + (place or "")
    if field := _FIELD.fullmatch(message):
        problem = "is required" if field[1] == "missing required" else "is unknown"
        return InvalidRequest.at(f"{path}.{field[2]}", problem)
    return InvalidRequest.at(path, "must not be blank" if message == _IS_BLANK else message)
