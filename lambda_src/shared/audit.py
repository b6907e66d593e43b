"""The audit trail: who asked what of which model, with which result. Imported only where a stage has one.

Records go to a log group with an access policy and retention apart from the functions' logs. They are written during
the request, not printed: an answer is delivered after its record is stored.
"""

import contextlib
import hashlib
import time
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared.aws import session, store_unavailable
from lambda_src.shared.context import Context, NoAudit
from lambda_src.shared.http_request import HttpRequest
from lambda_src.shared.observability import grant_fields, logger, use_fields
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import NOT_AUDITED
from lambda_src.shared.settings import Settings

# CloudWatch Logs takes 1 MB; consumers of subscriptions and earlier quotas 256 KB.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
MAX_RECORD_BYTES = 240_000
# Each text is cut to the first of these lengths with which the record fits.
_TEXT_CHARACTERS = (50_000, 10_000, 1_000, 100)
# Two attempts of a second each, and the pause between them: `http.AUDIT_SECONDS`.
_ATTEMPT_SECONDS = 1
_ATTEMPTS = 2
_NOT_WRITTEN = "audit record not written"


def logs_client() -> Any:
    """A client that fails fast: the caller waits, and a model may already have been paid for."""
    retries: Any = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    config = Config(connect_timeout=_ATTEMPT_SECONDS, read_timeout=_ATTEMPT_SECONDS, retries=retries)
    return session().create_client("logs", config=config)


class AuditLog:
    """The log group's stream of one use case."""

    def __init__(self, settings: Settings, client: Any = None, now: Callable[[], float] = time.time) -> None:
        """`now` returns the seconds since 1970."""
        self._settings = settings
        self._logs = client or logs_client()
        self._now = now
        self._where = {
            "logGroupName": settings.audit_group,
            "logStreamName": settings.use_case_id,
        }

    def entry(self, request: HttpRequest, route: Route | None, context: Context) -> NoAudit:
        """The records of one request; none without a caller."""
        if not context.caller:
            return NoAudit()
        return AuditEntry(self, request, route, context, contents=self._settings.audit_contents)

    def write(self, record: Mapping[str, Any], contents: Any = None) -> None:
        """Stores a record, with what fits of `contents`. Raises `Unavailable`."""
        fields = {"stage": self._settings.stage, "use_case": self._settings.use_case_id, **record}
        event = {"timestamp": int(self._now() * 1000), "message": _encoded(fields, contents)}
        try:
            answer = self._put(event)
        except (ClientError, BotoCoreError) as error:
            raise store_unavailable(type(error).__name__) from error
        if "rejectedLogEventsInfo" in answer:
            raise store_unavailable("rejected log event")

    def _put(self, event: dict[str, Any]) -> Any:
        try:
            return self._logs.put_log_events(**self._where, logEvents=[event])
        except self._logs.exceptions.ResourceNotFoundException:
            self._create_stream()
            return self._logs.put_log_events(**self._where, logEvents=[event])

    def _create_stream(self) -> None:
        """The first request of a use case does; another process may at the same time."""
        with contextlib.suppress(self._logs.exceptions.ResourceAlreadyExistsException):
            self._logs.create_log_stream(**self._where)


class AuditEntry(NoAudit):
    """A record `asked` before the work and a record `answered` after it.

    Requests that cannot change or cost anything have the second one only: reads, and what is refused before the work.
    """

    def __init__(
        self, log: AuditLog, request: HttpRequest, route: Route | None, context: Context, *, contents: bool
    ) -> None:
        self._log = log
        self._route = route
        self._context = context
        self._has_contents = contents
        self._started = time.perf_counter()
        self._is_asked = False
        self._question: Any = None
        self._texts: list[str] = []
        self._response: Any = None
        self._who: dict[str, Any] = {
            "request_id": context.request_id,
            "method": request.method,
            "route": request.resource,
            "caller": context.caller,
            "source": request.source,
            **grant_fields(context.grant),
            "groups": sorted(context.groups),
        }
        if request.principal:
            self._who["principal"] = request.principal

    def asked(self, arguments: dict[str, Any]) -> None:
        ids = {name: value for name, value in arguments.items() if name not in ("body", "query")}
        if ids:
            self._who["parameters"] = ids
        if self._has_contents:
            self._question = {name: arguments[name] for name in ("query", "body") if name in arguments}
        if self._route and (self._route.method != "GET" or self._route.may_call_model(arguments.get("query"))):
            self._log.write({"record": "asked", **self._who}, {"request": self._question} if self._question else None)
            self._is_asked = True

    def add_text(self, text: str) -> None:
        if self._has_contents:
            self._texts.append(text)

    def add_response(self, response: Any) -> None:
        if self._has_contents:
            self._response = response

    def answered(self, status: int, *, replayed: bool = False, client_gone: bool = False) -> None:
        fields: dict[str, Any] = {"replayed": True} if replayed else {}
        if client_gone:
            fields["client_gone"] = True
        try:
            self._end(status, fields)
        except Exception:
            if not self._is_asked:
                raise
            logger.exception(_NOT_WRITTEN, request_id=self._context.request_id, status=status)

    def failed(self, status: int, code: str) -> None:
        try:
            self._end(status, {"error": code})
        except Exception:
            logger.exception(_NOT_WRITTEN, request_id=self._context.request_id, status=status)

    def _end(self, status: int, fields: dict[str, Any]) -> None:
        record = {
            "record": "answered",
            **self._who,
            "status": status,
            **fields,
            "duration_ms": round((time.perf_counter() - self._started) * 1000),
            "models": [use_fields(use) for use in self._context.uses.values()],
        }
        self._log.write(record, self._contents())

    def _contents(self) -> dict[str, Any] | None:
        contents = {
            # The record `asked` has it.
            "request": None if self._is_asked else self._question,
            "text": "".join(self._texts),
            "response": self._response,
        }
        return {name: value for name, value in contents.items() if value} or None


def _encoded(fields: Mapping[str, Any], contents: Any) -> str:
    """The record as JSON, its contents last: CloudWatch Logs Insights finds a record's first 200 fields only."""
    if contents is not None:
        for characters in _TEXT_CHARACTERS:
            record = msgspec.json.encode({**fields, "contents": _plain(contents, characters)})
            if len(record) <= MAX_RECORD_BYTES:
                return record.decode()
        fields = {**fields, "contents": _digest(msgspec.json.encode(_plain(contents, None)))}
    return msgspec.json.encode(fields).decode()


def _plain(value: Any, characters: int | None) -> Any:
    """What is recorded of a value: no secrets, digests of files, and texts of at most `characters`."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(type(value))
        shown = {field.encode_name: getattr(value, field.name) for field in fields if not _is_secret(field.type)}
        return {name: _plain(each, characters) for name, each in shown.items() if each is not msgspec.UNSET}
    if isinstance(value, str):
        cut = characters is not None and len(value) > characters
        return f"{value[:characters]}... ({len(value)} characters)" if cut else value
    if isinstance(value, bytes):
        return _digest(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each, characters) for name, each in value.items()}
    if isinstance(value, Sequence):
        # Vectors are no texts.
        is_vector = len(value) > 0 and all(isinstance(each, float) for each in value)
        return {"numbers": len(value)} if is_vector else [_plain(each, characters) for each in value]
    return value


def _digest(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _is_secret(field_type: Any) -> bool:
    """Whether the type of a field, or one of its union, is marked as `NOT_AUDITED`."""
    marks = getattr(field_type, "__metadata__", ())
    return NOT_AUDITED in marks or any(map(_is_secret, typing.get_args(field_type)))
