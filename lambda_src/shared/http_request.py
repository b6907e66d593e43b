"""The gateway's proxy event as an HTTP request: headers, caller, and the decoded parameters, query and body."""

import base64
import binascii
from typing import Any

import msgspec

from lambda_src.shared.errors import InvalidRequest, NotFound, TooLarge
from lambda_src.shared.ids import is_id
from lambda_src.shared.routes import Route


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
        """The Cognito subject, or the IAM principal's ARN (of an assumed role with its session name)."""
        claims = (self._context.get("authorizer") or {}).get("claims") or {}
        caller = claims.get("sub") or (self._context.get("identity") or {}).get("userArn")
        return str(caller) if caller else None

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
        try:
            return msgspec.convert(self._event.get("queryStringParameters") or {}, query_type, strict=False)
        except msgspec.ValidationError as error:
            raise _invalid("query", error) from error

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


def _invalid(root: str, error: msgspec.ValidationError) -> InvalidRequest:
    """msgspec puts the place at the end of its message: "... - at `$.photos[0].data`"."""
    message, _, place = str(error).partition(" - at `")
    return InvalidRequest.at(root + place.rstrip("`").removeprefix("$"), message.replace("Object", "The object"))
