"""From the gateway's event to a service's method and back: the only place that knows events and headers."""

import base64
import binascii
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared import sse
from lambda_src.shared.context import Context, Deadline
from lambda_src.shared.errors import ApiError, InvalidRequest, NotFound, TooLarge, Unauthorized
from lambda_src.shared.idempotency import Claim, IdempotencyStore, StoredResponse
from lambda_src.shared.ids import new_id
from lambda_src.shared.observability import log_request, logger
from lambda_src.shared.routes import Route
from lambda_src.shared.settings import Settings

# Left for encoding, logging and the way back through the gateway.
RESERVED_SECONDS = 1.5


class Reply(msgspec.Struct, frozen=True):
    """A success whose status is not its route's own."""

    body: Any
    status: int


class Response(msgspec.Struct, frozen=True):
    """An answer on its way: a plain one has one piece, a stream many."""

    status: int
    headers: dict[str, str]
    pieces: Generator[bytes]


class Api:
    """The Lambda handler of one use case, made from its route table and its service."""

    def __init__(
        self, routes: Sequence[Route], service: Any, settings: Settings, idempotency: IdempotencyStore | None = None
    ) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._operations = {route.operation: getattr(service, route.operation) for route in routes}
        self._settings = settings
        self._idempotency = idempotency

    def __call__(self, event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        """The Lambda handler: the whole answer at once, a stream's too."""
        opened = self.respond(event, lambda_context)
        return {
            "statusCode": opened.status,
            "headers": opened.headers,
            "body": b"".join(opened.pieces).decode(),
        }

    def respond(self, event: dict[str, Any], lambda_context: Any) -> Response:
        """The answer's status and headers, and its body in pieces as they become ready.

        Whoever stops reading has to close `pieces`: that ends the work and gives an idempotency key back.
        """
        begun = time.perf_counter()
        context = Context(
            caller="",
            request_id=event.get("requestContext", {}).get("requestId") or new_id(),
            deadline=Deadline(lambda_context.get_remaining_time_in_millis() / 1000 - RESERVED_SECONDS),
        )
        body: bytes | Generator[bytes]
        error: ApiError | None = None
        try:
            status, body, headers = self._answer(event, context)
        except Exception as raised:
            error = _known(raised, context)
            status, body, headers = _error(error, context)

        def log(error: ApiError | None, **more: Any) -> None:
            log_request(
                context,
                method=event.get("httpMethod"),
                route=event.get("resource"),
                status=status,
                error=error.code if error else None,
                duration_ms=round((time.perf_counter() - begun) * 1000),
                **more,
            )

        headers |= self._cors(event)
        if not isinstance(body, bytes):
            return Response(status, headers, _logged(body, context, log))
        log(error)
        return Response(status, headers, _whole(body))

    def _answer(self, event: dict[str, Any], context: Context) -> tuple[int, bytes | Generator[bytes], dict[str, str]]:
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
        if not route.idempotent or key is None or self._idempotency is None:
            status, body = self._run(route, context, arguments, NoIdempotency())
            return status, body, _headers(body, route)
        first = self._idempotency.begin(
            caller=context.caller,
            route=f"{route.method} {route.path} {sorted((k, v) for k, v in arguments.items() if k != 'body')}",
            key=key,
            body=msgspec.json.encode(arguments["body"]),
            seconds=context.deadline.seconds_left + RESERVED_SECONDS,
        )
        if isinstance(first, StoredResponse):
            return first.status, first.body, {**_headers(first.body, route), "Idempotency-Replayed": "true"}
        status, body = self._run(route, context, arguments, Idempotent(self._idempotency, first))
        return status, body, _headers(body, route)

    def _run(
        self, route: Route, context: Context, arguments: dict[str, Any], record: "NoIdempotency"
    ) -> tuple[int, bytes | Generator[bytes]]:
        if not route.stream:
            context.completion_writes = lambda response: record.writes(route.status, _encoded(response))
        try:
            result = self._operations[route.operation](context, **arguments)
        except BaseException:
            record.release()
            raise
        if route.stream:
            return route.status, _events(route.stream, route.status, result, context, record)
        reply = result if isinstance(result, Reply) else Reply(result, route.status)
        body = _encoded(reply.body)
        record.finish(reply.status, body)
        return reply.status, body

    def _cors(self, event: dict[str, Any]) -> dict[str, str]:
        origin = _header(event, "origin")
        if origin is None or origin not in self._settings.cors_origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "Idempotency-Replayed,Retry-After",
            "Vary": "Origin",
        }


class NoIdempotency:
    """What becomes of a request's answer when there is no idempotency key: nothing is kept."""

    def writes(self, status: int, body: bytes) -> list[dict[str, Any]]:
        """For a transaction of the service's own."""
        return []

    def finish(self, status: int, body: bytes) -> None:
        """The work is done."""

    def release(self) -> None:
        """The work failed."""


class Idempotent(NoIdempotency):
    """The answer is kept under the request's idempotency key."""

    def __init__(self, idempotency: IdempotencyStore, claim: Claim) -> None:
        self._idempotency = idempotency
        self._claim = claim
        self._written = False

    def writes(self, status: int, body: bytes) -> list[dict[str, Any]]:
        self._written = True
        return [self._idempotency.completion_write(self._claim, status, body)]

    def finish(self, status: int, body: bytes) -> None:
        if not self._written:
            _quietly(self._idempotency.finish, self._claim, status, body)

    def release(self) -> None:
        _quietly(self._idempotency.release, self._claim)


def _quietly(step: Any, claim: Claim, *arguments: Any) -> None:
    """The work is done or has failed already: trouble with the record must not change the caller's answer."""
    try:
        step(claim, *arguments)
    except (ApiError, ClientError, BotoCoreError) as error:
        logger.warning("idempotency record not written", error=type(error).__name__)


def _events(name: str, status: int, items: Generator[Any], context: Context, record: NoIdempotency) -> Generator[bytes]:
    """A stream's sse. A replay has the text in one piece, as has what is kept."""
    said: list[str] = []

    def kept(response: Any) -> bytes:
        return sse.delta("".join(said)) + sse.event(name, response)

    context.completion_writes = lambda response: record.writes(status, kept(response))
    done = False
    try:
        for item in items:
            if isinstance(item, str):
                said.append(item)
                yield sse.delta(item)
            else:
                record.finish(status, kept(item))
                done = True
                yield sse.event(name, item)
    finally:
        # Also when the client goes away and this generator is closed: the model stops, and the key is free again.
        items.close()
        if not done:
            record.release()


def _logged(pieces: Generator[bytes], context: Context, log: Callable[..., None]) -> Generator[bytes]:
    """A stream whose failure is its last event, and whose line in the log is written when it has ended."""
    error: ApiError | None = None
    gone = True
    try:
        yield from pieces
        gone = False
    except Exception as raised:
        error = _known(raised, context)
        yield sse.event("error", error.body(context.request_id))
        gone = False
    finally:
        pieces.close()
        log(error, **({"client_gone": True} if gone else {}))


def _whole(body: bytes) -> Generator[bytes]:
    yield body


def _known(raised: Exception, context: Context) -> ApiError:
    """What the caller is told of a failure; a bug goes to the log whole."""
    if isinstance(raised, ApiError):
        return raised
    logger.exception("unhandled", request_id=context.request_id)
    return ApiError("Something went wrong on our side.")


def _encoded(response: Any) -> bytes:
    return b"" if response is None else msgspec.json.encode(response)


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


def _headers(body: bytes | Generator[bytes], route: Route | None = None) -> dict[str, str]:
    # Answers are a caller's own: nothing on the way may keep them.
    common = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if not body:
        return common
    streams = route is not None and route.stream
    return {**common, "Content-Type": sse.CONTENT_TYPE if streams else "application/json; charset=utf-8"}


def _error(error: ApiError, context: Context) -> tuple[int, bytes, dict[str, str]]:
    body = msgspec.json.encode(error.body(context.request_id))
    headers = _headers(body)
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return error.status, body, headers
