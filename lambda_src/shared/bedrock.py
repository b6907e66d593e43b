"""Calls to Bedrock within the request's deadline: timeouts, bounded retries, and its errors as `ApiError`.

A botocore client has one fixed read timeout, so there is a client for each of a few timeouts. A call uses the longest
timeout that ends before the deadline.
"""

import json
import random
import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from botocore.eventstream import ParserError
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, ReadTimeoutError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as StreamTimeoutError

from lambda_src.shared import aws, screening
from lambda_src.shared.catalog import Invocation, Model
from lambda_src.shared.context import Context
from lambda_src.shared.errors import (
    ApiError,
    DeadlineExceeded,
    InvalidRequest,
    ModelFailed,
    ModelUnavailable,
    Refused,
    Throttled,
    Unavailable,
)
from lambda_src.shared.observability import logger
from lambda_src.shared.settings import Settings
from lambda_src.shared.streams import ClosingIterator

if TYPE_CHECKING:
    from lambda_src.shared.fallback import Fallbacks

# The first is for streams, between two pieces. A plain request ends earlier.
READ_SECONDS = (60, 26, 20, 15, 10, 7, 5, 3, 2, 1)
STREAM_READ_SECONDS, PLAIN_READ_SECONDS = READ_SECONDS[:2]
MARGIN_SECONDS = 0.8
ATTEMPTS = 4
# Of a model with fallbacks: one quick retry, since a fallback answers sooner than a third attempt would.
ATTEMPTS_BEFORE_FALLBACK = 2
FIRST_BACKOFF_SECONDS = 0.3
RETRY_AFTER_SECONDS = 5
RETRIED_CODES = {
    "ThrottlingException",
    "TooManyRequestsException",
    "ServiceUnavailableException",
    "InternalServerException",
    "ModelNotReadyException",
}

# Stop reasons of an answer that ends early.
CUT_REASONS = ("max_tokens", "model_context_window_exceeded")
# The stop reason of an answer that the caller has stopped.
STOPPED = "stopped"
SCREENED_PICTURE_BYTES = 4_000_000
# Added to the limit of an answer by a model that cannot stop thinking: its thoughts count against it.
THINKING_TOKENS = 4_000
# Errors that last until someone changes the stage or the account, and what to do.
_DEPLOYMENT_ERRORS = {
    "AccessDeniedException": "give the account access to the model, see `make doctor`, and deploy the stage again",
    "ResourceNotFoundException": "the model has ended or is not in this region: choose another one for the stage; or "
    "its guardrail is not where the model is called: see the stage's `guardrail`",
}
# Bedrock reports these with ValidationException. Only its own words may match: a message can quote the caller's text.
_WRONG_DEPLOYMENT = re.compile(
    r"The provided (model|guardrail) identifier is invalid"
    r"|The provided model does\S+ support on-demand throughput"
    r"|Invocation of model ID \S+ with on-demand throughput is\S+ supported"
    r"|The guardrail identifier or version provided in the request does not exist"
)

# They name the account and its resources.
_ARN = re.compile(r"arn:[a-z-]+:[a-z-]+:[^\s'\"]+")

ClientFor = Callable[[int, str | None], Any]
Result = TypeVar("Result")


class Bedrock:
    """Bedrock as a stage uses it. `client_for(read_seconds, region)` returns a client."""

    def __init__(
        self,
        settings: Settings,
        client_for: ClientFor = aws.model_client,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._client_for = client_for
        self._sleep = sleep
        self._fallbacks = _fallbacks_of(settings)

    def answer(
        self, context: Context, invocation: Invocation, call: Callable[[Context, Invocation], Result]
    ) -> tuple[Result, Invocation]:
        """The result of `call`, and the model that gave it: this one, or one of its fallbacks if it cannot answer.

        `call` may run several times. It must use the context that it gets, whose deadline leaves time for the others.
        Raises what `call` raises for this model.
        """
        if self._fallbacks is None:
            return call(context, invocation), invocation
        return self._fallbacks.answer(context, invocation, call)

    def answer_stream(
        self, context: Context, invocation: Invocation, call: Callable[[Context, Invocation], "AnswerStream"]
    ) -> "tuple[AnswerStream, Invocation]":
        """Like `answer`, for a stream. Once it has a first piece of text, no other model takes over."""
        if self._fallbacks is None:
            return call(context, invocation), invocation
        return self._fallbacks.answer_stream(context, invocation, call)

    def converse(self, context: Context, invocation: Invocation, request: dict[str, Any]) -> dict[str, Any]:
        """Bedrock's Converse answer, with personal data masked.

        Raises `Refused` when the guardrail blocks the request or the answer, and `ModelFailed` for a broken answer.
        """
        request = self._prepared_request(invocation, request)
        answer = self._timed(context, invocation, lambda client: client.converse(**request))
        _count_tokens(context, invocation, answer.get("usage", {}))
        cut = _reaches_limit(request, answer.get("usage", {}))
        reason = _checked_stop_reason(answer.get("stopReason"), answer.get("trace"), cut=cut)
        return {**answer, "stopReason": reason}

    def converse_stream(
        self,
        context: Context,
        invocation: Invocation,
        request: dict[str, Any],
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> "AnswerStream":
        """The answer's text as the model writes it. Errors before the first piece are retried, and raised here.

        `is_stopped` is asked at each of the model's events whether the caller wants no more.
        """
        request = self._prepared_request(invocation, request)
        started = time.perf_counter()
        answer = self._called(context, lambda client: client.converse_stream(**request))
        return AnswerStream(context, invocation, request, answer["stream"], started, is_stopped)

    def invoke(self, context: Context, invocation: Invocation, body: dict[str, Any]) -> tuple[Any, int]:
        """InvokeModel's decoded answer, and the input tokens that Bedrock counted (0 when it reports none)."""

        def call(client: Any) -> Any:
            answer = client.invoke_model(
                modelId=invocation.target,
                body=json.dumps(body),
                contentType="application/json",
                accept="application/json",
            )
            # Read here, so that a body that is cut off is retried like any other connection error.
            return json.loads(answer["body"].read()), answer["ResponseMetadata"].get("HTTPHeaders", {})

        content, headers = self._timed(context, invocation, call)
        return content, int(headers.get("x-amzn-bedrock-input-token-count", 0))

    def screen(self, context: Context, *texts: str, source: Literal["INPUT", "OUTPUT"] = "INPUT") -> list[str]:
        """The texts after the guardrail, with personal data masked; as they are on a stage without one.

        For texts that reach a model in another way than Converse, or are stored for later requests, and for the parts
        of an answer that Converse does not assess. Raises `Refused` when the guardrail blocks one.
        """
        calls = screening.plan_calls(texts) if self.guarded else []
        if len(calls) < 2:
            return screening.join(texts, self._screen_parts(context, calls[0], source) if calls else [])
        with ThreadPoolExecutor(max_workers=min(screening.CONCURRENT_CALLS, len(calls))) as pool:
            futures = [pool.submit(self._screen_parts, context, parts, source) for parts in calls]
            try:
                screened = [part for future in futures for part in future.result()]
            except BaseException:
                # One refused text refuses the request: the remaining calls would be paid for nothing.
                pool.shutdown(cancel_futures=True)
                raise
        return screening.join(texts, screened)

    def screen_pictures(self, context: Context, pictures: Sequence[bytes]) -> None:
        """Raises `Refused` when the guardrail blocks one of these PNGs, which a model has made.

        Does nothing on a stage whose guardrail has no filters for pictures.
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html
        """
        if not self.guarded or not self._settings.guardrail_pictures:
            return
        if any(len(picture) > SCREENED_PICTURE_BYTES for picture in pictures):
            raise ModelFailed("The model made a picture that is too large to be screened.")
        content = [{"image": {"format": "png", "source": {"bytes": picture}}} for picture in pictures]
        answer = self._apply_guardrail(context, "OUTPUT", content)
        if answer["action"] == "GUARDRAIL_INTERVENED":
            raise Refused("The picture violates the content policy of this service.")

    def _screen_parts(self, context: Context, parts: Sequence[screening.Part], source: str) -> list[screening.Part]:
        answer = self._apply_guardrail(context, source, screening.content(parts))
        screened = screening.screened_parts(answer, parts)
        if screened is None:
            # AWS does not document that there is one output per block: never assign masked text to another text.
            return [part for each in parts for part in self._screen_parts(context, [each], source)]
        return screened

    def _apply_guardrail(self, context: Context, source: str, content: list[dict[str, Any]]) -> Any:
        request = {**self._guardrail(), "source": source, "content": content}
        region = self._settings.guardrail_region
        return self._retried(context, lambda client: client.apply_guardrail(**request), region)

    def text_block(self, text: str) -> dict[str, Any]:
        """A block of Converse's system prompt or messages that the guardrail assesses; a plain one without a guardrail.

        A system prompt is only assessed in such blocks. Messages are assessed entirely unless one of them has such a
        block: then only in those.
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
        """
        return {"guardContent": {"text": {"text": text}}} if self.guarded else {"text": text}

    @property
    def guarded(self) -> bool:
        """Whether the stage has a guardrail."""
        return bool(self._guardrail())

    def _guardrail(self) -> dict[str, str]:
        settings = self._settings
        if not settings.guardrail_id or not settings.guardrail_version:
            return {}
        return {"guardrailIdentifier": settings.guardrail_id, "guardrailVersion": settings.guardrail_version}

    def _prepared_request(self, invocation: Invocation, request: dict[str, Any]) -> dict[str, Any]:
        """The request with the model's id, the guardrail, and as little thinking as the model can do.

        Only the guardrail's trace tells a blocked answer from a masked one.
        """
        guardrail = self._guardrail()
        config = {"guardrailConfig": {**guardrail, "trace": "enabled"}} if guardrail else {}
        return {"modelId": invocation.target, **_with_little_thinking(invocation.model, request), **config}

    def _timed(self, context: Context, invocation: Invocation, call: Callable[[Any], Any]) -> Any:
        started = time.perf_counter()
        try:
            return self._called(context, call)
        finally:
            context.count_call(invocation, round((time.perf_counter() - started) * 1000))

    def _called(self, context: Context, call: Callable[[Any], Any]) -> Any:
        # Without time for a call, no model has failed.
        _read_seconds(context)
        with _errors_by_model():
            return self._retried(context, call, self._settings.model_region)

    def _retried(self, context: Context, call: Callable[[Any], Any], region: str | None) -> Any:
        attempts = ATTEMPTS_BEFORE_FALLBACK if context.has_fallback else ATTEMPTS
        for attempt in range(1, attempts + 1):
            try:
                return call(self._client(context, region))
            except (ClientError, BotoCoreError) as error:
                backoff = random.uniform(0.5, 1.0) * FIRST_BACKOFF_SECONDS * 2**attempt
                out_of_time = context.deadline.seconds_left - backoff < MARGIN_SECONDS + READ_SECONDS[-1]
                if attempt == attempts or out_of_time or not _is_transient(error):
                    raise _as_api_error(error) from None
                logger.info("model call retried", attempt=attempt, error=_code(error))
                self._sleep(backoff)
        raise AssertionError("unreachable")

    def _client(self, context: Context, region: str | None) -> Any:
        return self._client_for(_read_seconds(context), region)


class AnswerStream(ClosingIterator[str]):
    """The pieces of one answer's text. Closing it stops the model.

    `stop_reason` is Bedrock's and `trace` the guardrail's, both known at the end. With the reason `STOPPED`, neither
    the trace nor the use of tokens is known: Bedrock sends them last.

    Raises as `Bedrock.converse` does, and `Unavailable` when the stream ends without a stop reason: a connection that
    is cut between two events looks like a regular end.
    """

    def __init__(
        self,
        context: Context,
        invocation: Invocation,
        request: dict[str, Any],
        stream: Any,
        started: float,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(self._texts(), self._close_connection)
        self._context = context
        self._invocation = invocation
        self._request = request
        self._stream = stream
        self._started = started
        self._is_stopped = is_stopped
        self._cut = False
        self._first: list[str] = []
        self.trace: dict[str, Any] | None = None
        self.stop_reason: str | None = None

    def __next__(self) -> str:
        return self._first.pop() if self._first else super().__next__()

    def wait_for_text(self, context: Context) -> None:
        """Waits for the first piece, or for the end of an empty answer. The others have the time of `context`."""
        self._first = [piece for piece in (next(self, None),) if piece is not None]
        self._context = context

    def _texts(self) -> Generator[str]:
        with _errors_by_model():
            try:
                for event in self._stream:
                    self._context.deadline.require(0)
                    if self.stop_reason is None and self._is_stopped():
                        self.stop_reason = STOPPED
                        return
                    text = event.get("contentBlockDelta", {}).get("delta", {}).get("text")
                    if text:
                        yield text
                    self._read_metadata(event)
            except (ClientError, BotoCoreError, HTTPError, ParserError, OSError) as error:
                raise _as_api_error(error) from None
            if self.stop_reason is None:
                logger.warning("model stream cut", model=self._invocation.id)
                raise Unavailable("The model's answer was cut off. Try again.", retry_after=RETRY_AFTER_SECONDS)
        self.stop_reason = _checked_stop_reason(self.stop_reason, self.trace, cut=self._cut)

    def _read_metadata(self, event: dict[str, Any]) -> None:
        if "messageStop" in event:
            self.stop_reason = event["messageStop"]["stopReason"]
        if "metadata" in event:
            _count_tokens(self._context, self._invocation, event["metadata"].get("usage", {}))
            self._cut = _reaches_limit(self._request, event["metadata"].get("usage", {}))
            self.trace = event["metadata"].get("trace")

    def _close_connection(self) -> None:
        self._stream.close()
        self._context.count_call(self._invocation, round((time.perf_counter() - self._started) * 1000))


def _read_seconds(context: Context) -> int:
    """The longest timeout that ends before the deadline. Raises `DeadlineExceeded` when there is none."""
    available = context.deadline.seconds_left - MARGIN_SECONDS
    for seconds in READ_SECONDS:
        if seconds <= available:
            return seconds
    raise DeadlineExceeded("The request was not finished in time. Try again, or ask for less.")


def _fallbacks_of(settings: Settings) -> "Fallbacks | None":
    """Imported where the stage has fallbacks only: the others start without them."""
    if not settings.fallbacks:
        return None
    from lambda_src.shared.fallback import Fallbacks

    return Fallbacks(settings.fallbacks)


@contextmanager
def _errors_by_model() -> Iterator[None]:
    """Marks errors of a model's call. The guardrail's own calls are not marked: another model would need them, too."""
    try:
        yield
    except ApiError as error:
        error.by_model = True
        raise


def _count_tokens(context: Context, invocation: Invocation, usage: dict[str, int]) -> None:
    """Bedrock's `inputTokens` exclude those written to the prompt cache or read from it."""
    cached = usage.get("cacheReadInputTokens", 0)
    context.used(invocation).add(
        input_tokens=usage.get("inputTokens", 0) + usage.get("cacheWriteInputTokens", 0) + cached,
        cached_tokens=cached,
        output_tokens=usage.get("outputTokens", 0),
    )


def _with_little_thinking(model: Model, request: dict[str, Any]) -> dict[str, Any]:
    """The request with thinking turned off, or kept short and with room of its own below the model's limit."""
    if model.thinking is None:
        return request
    request = {**request}
    if model.thinking.fields:
        fields = request.get("additionalModelRequestFields", {})
        request["additionalModelRequestFields"] = {**model.thinking.fields, **fields}
    config = request.get("inferenceConfig", {})
    limit = model.parameters.get("maxTokens")
    if model.thinking.always and "maxTokens" in config and limit:
        room = min(config["maxTokens"] + THINKING_TOKENS, int(limit.max))
        request["inferenceConfig"] = {**config, "maxTokens": room}
    return request


def _reaches_limit(request: dict[str, Any], usage: dict[str, int]) -> bool:
    limit = request.get("inferenceConfig", {}).get("maxTokens")
    return limit is not None and usage.get("outputTokens", 0) >= limit


def _checked_stop_reason(stop_reason: str | None, trace: dict[str, Any] | None, *, cut: bool) -> str | None:
    """The stop reason of an answer that can be used. Raises `Refused` and `ModelFailed`.

    Bedrock reports a guardrail that has only masked personal data as an intervention, in place of the model's reason.
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
    """
    if stop_reason in ("malformed_model_output", "malformed_tool_use"):
        logger.warning("model answer broken", stop_reason=stop_reason)
        raise ModelFailed("The model's answer is unusable.")
    masked = stop_reason == "guardrail_intervened" and screening.only_masked(trace)
    if stop_reason in ("guardrail_intervened", "content_filtered", "refusal") and not masked:
        raise Refused("The request or its answer violates the content policy of this service.")
    if not masked:
        return stop_reason
    return "max_tokens" if cut else "end_turn"


def _code(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return type(error).__name__
    code = str(error.response["Error"]["Code"])
    # Codes in a stream start with a lower-case letter.
    return code[:1].upper() + code[1:]


def _is_transient(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return _code(error) in RETRIED_CODES
    return isinstance(error, (ConnectionError, HTTPClientError)) and not isinstance(error, ReadTimeoutError)


def _as_api_error(error: Exception) -> ApiError:
    """Raised `from None`: Bedrock's messages may quote the caller's text, and a log has the causes of exceptions."""
    code = _code(error)
    logger.warning("model call failed", error=code, **_log_fields(error))
    if isinstance(error, (ReadTimeoutError, StreamTimeoutError)) or code == "ModelTimeoutException":
        return DeadlineExceeded("The model did not answer in time. Try again, or ask for less.")
    if code in ("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException"):
        return Throttled("The model takes no more requests at the moment.", retry_after=RETRY_AFTER_SECONDS)
    if code == "ValidationException" and isinstance(error, ClientError):
        message = error.response["Error"].get("Message", "")
        if _WRONG_DEPLOYMENT.match(message):
            code = "ResourceNotFoundException"
        else:
            return _rejected(message)
    if code in ("ModelErrorException", "ModelStreamErrorException"):
        return ModelFailed("The model failed on this request.")
    if code in _DEPLOYMENT_ERRORS:
        logger.error("model not usable", error=code, advice=_DEPLOYMENT_ERRORS[code], **_log_fields(error))
        return ModelUnavailable("This model cannot be used here until its operator changes something.")
    return Unavailable("The model cannot be reached at the moment.", retry_after=RETRY_AFTER_SECONDS)


def _log_fields(error: Exception) -> dict[str, Any]:
    """What identifies a failed call without quoting its texts."""
    if not isinstance(error, ClientError):
        return {}
    metadata = error.response.get("ResponseMetadata", {})
    return {
        "operation": error.operation_name,
        "http_status": metadata.get("HTTPStatusCode"),
        "aws_request_id": metadata.get("RequestId"),
    }


def _rejected(message: str) -> ApiError:
    # Titan Image and Nova Canvas report blocked content as a validation error.
    if "content filter" in message.lower() or "content policy" in message.lower():
        return Refused("The model declined this request.")
    message = _ARN.sub("(ARN)", message)
    # The model does not say which field it is.
    details = [{"path": "request", "message": message}]
    error = InvalidRequest(f"The model did not accept the request: {message}", details=details)
    # What a log shows of the exception; the caller gets its message.
    error.args = ("The model did not accept the request.",)
    return error
