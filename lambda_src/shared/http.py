"""From the gateway's event to a service's method and back: errors, logging, audit, idempotency, budgets, dispatch.

`Api.respond` and the methods after it are that chain, in this order.
"""

import time
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from lambda_src.shared import sse
from lambda_src.shared.callers import Grant
from lambda_src.shared.context import Context, Deadline, NoIdempotency, NoReservation
from lambda_src.shared.errors import ApiError, Forbidden, NotFound, Unauthorized
from lambda_src.shared.http_request import HttpRequest
from lambda_src.shared.idempotency import Claim, IdempotencyStore, Idempotent
from lambda_src.shared.ids import new_id
from lambda_src.shared.observability import log_request, logger
from lambda_src.shared.routes import Created, Csv, Route
from lambda_src.shared.settings import Settings
from lambda_src.shared.streams import ClosingIterator

if TYPE_CHECKING:
    from lambda_src.shared.audit import AuditLog
    from lambda_src.shared.budgets import Budgets

# Left for encoding, logging and the way back through the gateway.
RESERVED_SECONDS = 1.5
# Left for the last record of the audit trail, where there is one.
AUDIT_SECONDS = 3.0
JSON_CONTENT_TYPE = "application/json; charset=utf-8"
_REPLAYED = "Idempotency-Replayed"


class Response(msgspec.Struct, frozen=True):
    """`body` is complete, or a stream's chunks as they become ready.

    Closing a stream before its end stops the work and releases the idempotency key.
    """

    status: int
    headers: dict[str, str]
    body: bytes | ClosingIterator[bytes]


class Api:
    """The Lambda handler of one use case: its route table and the service whose methods the routes name."""

    def __init__(
        self,
        routes: Sequence[Route],
        service: Any,
        settings: Settings,
        idempotency: IdempotencyStore | None = None,
        budgets: "Budgets | None" = None,
        audit: "AuditLog | None" = None,
    ) -> None:
        """`budgets` and `audit` are by default those of the settings."""
        self._routes: dict[tuple[str | None, str | None], Route] = {
            (route.method, route.path): route for route in routes
        }
        self._operations = {route.operation: getattr(service, route.operation) for route in routes}
        self._settings = settings
        self._idempotency = idempotency
        self._budgets = budgets or _budgets_of(routes, settings)
        self._audit = audit or _audit_of(settings)
        self._reserved = RESERVED_SECONDS + (AUDIT_SECONDS if self._audit else 0)

    def __call__(self, event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        """The gateway's event in, its response out. A stream's chunks are joined."""
        response = self.respond(event, lambda_context)
        body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        return {"statusCode": response.status, "headers": response.headers, "body": body.decode()}

    def respond(self, event: dict[str, Any], lambda_context: Any) -> Response:
        """The response to the gateway's event. Never raises an `Exception`: failures are responses, too."""
        request = HttpRequest(event)
        route = self._routes.get((request.method, request.resource))
        transcript = sse.Transcript(route.stream) if route and route.stream else None
        context = Context(
            caller=request.caller or "",
            groups=request.groups,
            grant=request.grant,
            request_id=request.id or new_id(),
            deadline=Deadline(lambda_context.get_remaining_time_in_millis() / 1000 - self._reserved),
            idempotency=self._idempotency_record(request, route, transcript.encode if transcript else _encode),
        )
        if self._audit is not None:
            context.audit = self._audit.entry(request, route, context)
        log = _RequestLog(request, context)
        try:
            response = self._replay_or_run(request, route, context, transcript)
            if isinstance(response.body, bytes):
                context.audit.answered(response.status, replayed=_REPLAYED in response.headers)
        except Exception as failure:
            error = _as_api_error(failure, context)
            context.audit.failed(error.status, error.code)
            log.write(error.status, error)
            response = _error_response(error, context.request_id)
        else:
            response = _logged(response, context, log)
        return msgspec.structs.replace(response, headers={**response.headers, **self._cors_headers(request)})

    def _replay_or_run(
        self, request: HttpRequest, route: Route | None, context: Context, transcript: sse.Transcript | None
    ) -> Response:
        """The stored response of the request's idempotency key, or that of the route's operation."""
        if not context.caller:
            logger.warning("no caller", request_id=context.request_id, principal=request.principal)
            raise Unauthorized("The request names no caller with a unique id.")
        if route is None:
            raise NotFound("There is no such route.")
        if not _covers(context.grant, self._settings):
            raise Forbidden("This key is not for this use case.")
        if not self._settings.admits(route.roles, context.groups, by_token=context.grant.by_token):
            raise Forbidden(f"Only these roles may do that: {', '.join(route.roles)}.")
        arguments = request.arguments(route)
        context.audit.asked(arguments)
        seconds = context.deadline.seconds_left + self._reserved
        stored = context.idempotency.begin(arguments.get("body"), seconds)
        if stored is not None:
            headers = {**_headers(_content_type(route, stored.body)), _REPLAYED: "true"}
            return Response(stored.status, headers, stored.body)
        return self._run(route, arguments, context, transcript)

    def _run(
        self, route: Route, arguments: dict[str, Any], context: Context, transcript: sse.Transcript | None
    ) -> Response:
        """The response of the route's operation. A failure releases the idempotency key."""
        reservation = NoReservation()
        try:
            reservation = self._reserve(route, arguments, context)
            result = self._operations[route.operation](context, **arguments)
        except BaseException as failure:
            reservation.settle(context.uses.values(), failure)
            context.idempotency.release()
            raise
        if transcript is not None:
            return _stream_response(route, result, context, transcript, reservation)
        reservation.settle(context.uses.values())
        return _plain_response(route, result, context)

    def _reserve(self, route: Route, arguments: dict[str, Any], context: Context) -> NoReservation:
        if self._budgets is None or not route.may_call_model(arguments.get("query")):
            return NoReservation()
        return self._budgets.reserve(context, arguments, context.deadline.seconds_left + self._reserved)

    def _idempotency_record(
        self, request: HttpRequest, route: Route | None, encode: Callable[[Any], bytes]
    ) -> NoIdempotency:
        key = request.header("idempotency-key")
        if route is None or not route.idempotent or key is None or self._idempotency is None:
            return NoIdempotency()
        name = f"{route.method} {route.path} {sorted(request.path_parameters.items())}"
        claim = Claim.new(caller=request.caller or "", route=name, key=key)
        return Idempotent(self._idempotency, claim, route.status, encode)

    def _cors_headers(self, request: HttpRequest) -> dict[str, str]:
        origin = request.header("origin")
        if origin is None or origin not in self._settings.cors_origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": f"{_REPLAYED},Retry-After",
            "Vary": "Origin",
        }


class _RequestLog:
    """The one log line of a request."""

    def __init__(self, request: HttpRequest, context: Context) -> None:
        self._request = request
        self._context = context
        self._started = time.perf_counter()

    def write(self, status: int, error: ApiError | None = None, *, client_gone: bool = False) -> None:
        log_request(
            self._context,
            method=self._request.method,
            route=self._request.resource,
            status=status,
            error=error.code if error else None,
            duration_ms=round((time.perf_counter() - self._started) * 1000),
            **({"client_gone": True} if client_gone else {}),
        )


def _logged(response: Response, context: Context, log: _RequestLog) -> Response:
    """A stream is logged when it ends, and its failure becomes its last event."""
    body = response.body
    if isinstance(body, bytes):
        log.write(response.status)
        return response
    error: ApiError | None = None
    complete = False

    def chunks() -> Generator[bytes]:
        nonlocal error, complete
        try:
            yield from body
        except Exception as failure:
            error = _as_api_error(failure, context)
            yield sse.event("error", error.body(context.request_id))
        complete = True

    def close() -> None:
        try:
            body.close()
        finally:
            if error is None:
                context.audit.answered(response.status, client_gone=not complete)
            else:
                context.audit.failed(response.status, error.code)
            log.write(response.status, error, client_gone=not complete)

    return msgspec.structs.replace(response, body=ClosingIterator(chunks(), close))


def _plain_response(route: Route, result: Any, context: Context) -> Response:
    if isinstance(result, Csv):
        context.audit.add_response(result)
        return Response(route.status, _headers("text/csv; charset=utf-8"), result.text.encode())
    status, content = (result.status, result.body) if isinstance(result, Created) else (route.status, result)
    context.audit.add_response(content)
    body = _encode(content)
    context.idempotency.finish(status, body)
    return Response(status, _headers(_content_type(route, body)), body)


def _stream_response(
    route: Route,
    items: ClosingIterator[Any],
    context: Context,
    transcript: sse.Transcript,
    reservation: NoReservation,
) -> Response:
    """`items` are pieces of text and at last the response."""

    def chunks() -> Generator[bytes]:
        for item in items:
            if isinstance(item, str):
                transcript.add(item)
                context.audit.add_text(item)
                yield sse.delta(item)
            else:
                context.audit.add_response(item)
                context.idempotency.finish(route.status, transcript.encode(item))
                yield sse.event(str(route.stream), item)

    def close() -> None:
        try:
            items.close()
        finally:
            reservation.settle(context.uses.values())
            context.idempotency.release()

    return Response(route.status, _headers(sse.CONTENT_TYPE), ClosingIterator(chunks(), close))


def _budgets_of(routes: Sequence[Route], settings: Settings) -> "Budgets | None":
    """Imported where the stage records use only: the others start without them."""
    if not settings.usage_table or not any(route.calls_model for route in routes):
        return None
    from lambda_src.shared.budgets import Budgets

    return Budgets(settings)


def _audit_of(settings: Settings) -> "AuditLog | None":
    """Imported where the stage has an audit trail only: the others start without it."""
    if not settings.audit_group:
        return None
    from lambda_src.shared.audit import AuditLog

    return AuditLog(settings)


def _covers(grant: Grant, settings: Settings) -> bool:
    return grant.use_cases is None or settings.use_case_id in grant.use_cases


def _as_api_error(failure: Exception, context: Context) -> ApiError:
    """The error that the caller sees. Details of a bug go to the log only."""
    if isinstance(failure, ApiError):
        return failure
    logger.exception("unhandled", request_id=context.request_id)
    return ApiError("Something went wrong on our side.")


def _error_response(error: ApiError, request_id: str) -> Response:
    headers = _headers(JSON_CONTENT_TYPE)
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return Response(error.status, headers, msgspec.json.encode(error.body(request_id)))


def _encode(content: Any) -> bytes:
    return b"" if content is None else msgspec.json.encode(content)


def _content_type(route: Route, body: bytes) -> str | None:
    if not body:
        return None
    return sse.CONTENT_TYPE if route.stream else JSON_CONTENT_TYPE


def _headers(content_type: str | None) -> dict[str, str]:
    # A response is for its caller only: no cache may keep it.
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return {**headers, "Content-Type": content_type} if content_type else headers
