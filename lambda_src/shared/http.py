"""From the gateway's event to a service's method and back: the only place that knows events and headers."""

import base64
import binascii
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from shared.context import Context, Deadline
from shared.errors import ApiError, InvalidRequest, NotFound, TooLarge, Unauthorized
from shared.idempotency import Answer, Claim, Idempotency
from shared.ids import new_id
from shared.observability import log_request, logger
from shared.routes import Route
from shared.settings import Settings

# Left for encoding, logging and the way back through the gateway.
RESERVED_SECONDS = 1.5


class Reply(msgspec.Struct, frozen=True):
    """A success whose status is not its route's own."""

    body: Any
    status: int


class Api:
    """The Lambda handler of one use case, made from its route table and its service."""

    def __init__(
        self, routes: Sequence[Route], service: Any, settings: Settings, idempotency: Idempotency | None = None
    ) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._operations = {route.operation: getattr(service, route.operation) for route in routes}
        self._settings = settings
        self._idempotency = idempotency

    def __call__(self, event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        context = Context(
            caller="",
            request_id=event.get("requestContext", {}).get("requestId") or new_id(),
            deadline=Deadline(lambda_context.get_remaining_time_in_millis() / 1000 - RESERVED_SECONDS),
        )
        error: ApiError | None = None
        try:
            status, body, headers = self._answer(event, context)
        except ApiError as raised:
            error = raised
            status, body, headers = _error(raised, context)
        except Exception as bug:
            logger.exception("unhandled", request_id=context.request_id)
            error = ApiError("Something went wrong on our side.")
            error.__cause__ = bug
            status, body, headers = _error(error, context)
        log_request(
            context,
            method=event.get("httpMethod"),
            route=event.get("resource"),
            status=status,
            error=error.code if error else None,
            duration_ms=round((time.perf_counter() - started) * 1000),
        )
        return {"statusCode": status, "headers": {**headers, **self._cors(event)}, "body": body.decode()}

    def _answer(self, event: dict[str, Any], context: Context) -> tuple[int, bytes, dict[str, str]]:
        route = self._routes.get((event.get("httpMethod", ""), event.get("resource", "")))
        context.caller = _caller(event)
        if route is None:
            raise NotFound("There is no such route.")
        arguments: dict[str, Any] = dict(event.get("pathParameters") or {})
        if route.query is not None:
            arguments["query"] = _query(event, route.query)
        if route.request is not None:
            arguments["body"] = _body(event, route)
        key = _header(event, "idempotency-key")
        if route.idempotent and key is not None and self._idempotency is not None:
            return self._once(self._idempotency, route, key, context, arguments)
        status, body = self._run(route, context, arguments)
        return status, body, _headers(body)

    def _run(self, route: Route, context: Context, arguments: dict[str, Any]) -> tuple[int, bytes]:
        result = self._operations[route.operation](context, **arguments)
        reply = result if isinstance(result, Reply) else Reply(result, route.status)
        return reply.status, b"" if reply.body is None else msgspec.json.encode(reply.body)

    def _once(
        self, idempotency: Idempotency, route: Route, key: str, context: Context, arguments: dict[str, Any]
    ) -> tuple[int, bytes, dict[str, str]]:
        begun = idempotency.begin(
            caller=context.caller,
            route=f"{route.method} {route.path} {sorted((k, v) for k, v in arguments.items() if k != 'body')}",
            key=key,
            body=msgspec.json.encode(arguments["body"]),
        )
        if isinstance(begun, Answer):
            return begun.status, begun.body, {**_headers(begun.body), "Idempotency-Replayed": "true"}
        try:
            status, body = self._run(route, context, arguments)
        except BaseException:
            _quietly(idempotency.give_back, begun)
            raise
        _quietly(idempotency.finish, begun, status, body)
        return status, body, _headers(body)

    def _cors(self, event: dict[str, Any]) -> dict[str, str]:
        origin = _header(event, "origin")
        if origin is None or origin not in self._settings.cors_origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "Idempotency-Replayed,Retry-After",
            "Vary": "Origin",
        }


def _quietly(step: Any, claim: Claim, *arguments: Any) -> None:
    """The work is done or has failed already: trouble with the record must not change the caller's answer."""
    try:
        step(claim, *arguments)
    except (ApiError, ClientError, BotoCoreError) as error:
        logger.warning("idempotency record not written", error=type(error).__name__)


def _caller(event: dict[str, Any]) -> str:
    """The Cognito subject, or the IAM principal's ARN (of an assumed role with its session name)."""
    request = event.get("requestContext", {})
    claims = (request.get("authorizer") or {}).get("claims") or {}
    caller = claims.get("sub") or (request.get("identity") or {}).get("userArn")
    if not caller:
        raise Unauthorized("The request names no caller.")
    return str(caller)


def _header(event: dict[str, Any], name: str) -> str | None:
    for key, value in (event.get("headers") or {}).items():
        if key.lower() == name:
            return str(value)
    return None


def _body(event: dict[str, Any], route: Route) -> Any:
    content_type = (_header(event, "content-type") or "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise InvalidRequest.at("headers.Content-Type", "must be application/json")
    raw = (event.get("body") or "").encode()
    if event.get("isBase64Encoded"):
        try:
            raw = base64.b64decode(raw, validate=True)
        except binascii.Error as error:
            raise InvalidRequest.at("body", "not the base64 it is said to be") from error
    if len(raw) > route.max_body_bytes:
        raise TooLarge(f"The body has {len(raw):,} bytes; at most {route.max_body_bytes:,} are taken.")
    try:
        return msgspec.json.decode(raw, type=route.request)
    except msgspec.ValidationError as error:
        raise _invalid("body", error) from error
    except msgspec.DecodeError as error:
        raise InvalidRequest.at("body", f"not JSON ({error})") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest.at("body", "not UTF-8") from error


def _query(event: dict[str, Any], query_type: Any) -> Any:
    try:
        return msgspec.convert(event.get("queryStringParameters") or {}, query_type, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid("query", error) from error


def _invalid(root: str, error: msgspec.ValidationError) -> InvalidRequest:
    """msgspec says where at the end of its message: «... - at `$.photos[0].data`»."""
    message, _, where = str(error).partition(" - at `")
    return InvalidRequest.at(root + where.rstrip("`").removeprefix("$"), message.replace("Object", "The object"))


def _headers(body: bytes) -> dict[str, str]:
    # Answers are a caller's own: nothing on the way may keep them.
    common = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return {**common, "Content-Type": "application/json; charset=utf-8"} if body else common


def _error(error: ApiError, context: Context) -> tuple[int, bytes, dict[str, str]]:
    body = msgspec.json.encode(error.body(context.request_id))
    headers = _headers(body)
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return error.status, body, headers
