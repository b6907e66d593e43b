"""Calls to Bedrock within the request's deadline: timeouts, bounded retries, and its errors as `ApiError`.

A botocore client has one fixed read timeout, so there is a client for each of a few timeouts. A call uses the longest
timeout that ends before the deadline.
"""

import json
import random
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.eventstream import ParserError
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, ReadTimeoutError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as StreamTimeoutError

from lambda_src.shared import aws, screening
from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import (
    ApiError,
    DeadlineExceeded,
    InvalidRequest,
    ModelFailed,
    Refused,
    Throttled,
    Unavailable,
)
from lambda_src.shared.observability import logger
from lambda_src.shared.settings import Settings
from lambda_src.shared.streams import ClosingIterator

# The first is for streams, between two pieces. A plain request ends earlier.
READ_SECONDS = (60, 26, 20, 15, 10, 7, 5, 3, 2, 1)
STREAM_READ_SECONDS, PLAIN_READ_SECONDS = READ_SECONDS[:2]
MARGIN_SECONDS = 0.8
ATTEMPTS = 4
FIRST_BACKOFF_SECONDS = 0.3
RETRY_AFTER_SECONDS = 5
RETRIED_CODES = {
    "ThrottlingException",
    "TooManyRequestsException",
    "ServiceUnavailableException",
    "InternalServerException",
    "ModelNotReadyException",
}

ClientFor = Callable[[int, str | None], Any]


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

    def converse(self, context: Context, invocation: Invocation, request: dict[str, Any]) -> dict[str, Any]:
        """Bedrock's Converse answer. Raises `Refused` when the guardrail intervenes."""
        request = self._guarded_request(invocation, request)
        answer = self._timed(context, invocation, lambda client: client.converse(**request))
        _count_tokens(context, invocation, answer.get("usage", {}))
        _check_refusal(answer.get("stopReason"))
        return dict(answer)

    def converse_stream(self, context: Context, invocation: Invocation, request: dict[str, Any]) -> "AnswerStream":
        """The answer's text as the model writes it. Errors before the first piece are retried, and raised here."""
        request = self._guarded_request(invocation, request)
        started = time.perf_counter()
        answer = self._retried(context, lambda client: client.converse_stream(**request))
        return AnswerStream(context, invocation, answer["stream"], started)

    def invoke(self, context: Context, invocation: Invocation, body: dict[str, Any]) -> tuple[Any, int]:
        """InvokeModel's decoded answer, and the input tokens that Bedrock counted (0 when it reports none)."""

        def call(client: Any) -> Any:
            answer = client.invoke_model(
                modelId=invocation.id, body=json.dumps(body), contentType="application/json", accept="application/json"
            )
            # Read here, so that a body that is cut off is retried like any other connection error.
            return json.loads(answer["body"].read()), answer["ResponseMetadata"].get("HTTPHeaders", {})

        content, headers = self._timed(context, invocation, call)
        return content, int(headers.get("x-amzn-bedrock-input-token-count", 0))

    def screen(self, context: Context, *texts: str) -> list[str]:
        """The texts after the guardrail, with personal data masked; as they are on a stage without one.

        For texts that reach a model in another way than Converse, or are stored for later requests. Raises `Refused`
        when the guardrail blocks one.
        """
        calls = screening.plan_calls(texts) if self.guarded else []
        if len(calls) < 2:
            return screening.join(texts, self._screen_parts(context, calls[0]) if calls else [])
        with ThreadPoolExecutor(max_workers=min(screening.CONCURRENT_CALLS, len(calls))) as pool:
            futures = [pool.submit(self._screen_parts, context, parts) for parts in calls]
            try:
                screened = [part for future in futures for part in future.result()]
            except BaseException:
                # One refused text refuses the request: the remaining calls would be paid for nothing.
                pool.shutdown(cancel_futures=True)
                raise
        return screening.join(texts, screened)

    def _screen_parts(self, context: Context, parts: Sequence[screening.Part]) -> list[screening.Part]:
        request = {**self._guardrail(), "source": "INPUT", "content": screening.content(parts)}
        answer = self._retried(context, lambda client: client.apply_guardrail(**request))
        screened = screening.screened_parts(answer, parts)
        if screened is None:
            # AWS does not document that there is one output per block: never assign masked text to another text.
            return [part for each in parts for part in self._screen_parts(context, [each])]
        return screened

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

    def _guarded_request(self, invocation: Invocation, request: dict[str, Any]) -> dict[str, Any]:
        guardrail = self._guardrail()
        return {"modelId": invocation.id, **request, **({"guardrailConfig": guardrail} if guardrail else {})}

    def _timed(self, context: Context, invocation: Invocation, call: Callable[[Any], Any]) -> Any:
        started = time.perf_counter()
        try:
            return self._retried(context, call)
        finally:
            context.count_call(invocation, round((time.perf_counter() - started) * 1000))

    def _retried(self, context: Context, call: Callable[[Any], Any]) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call(self._client(context))
            except (ClientError, BotoCoreError) as error:
                backoff = random.uniform(0.5, 1.0) * FIRST_BACKOFF_SECONDS * 2**attempt
                out_of_time = context.deadline.seconds_left - backoff < MARGIN_SECONDS + READ_SECONDS[-1]
                if attempt == ATTEMPTS or out_of_time or not _is_transient(error):
                    raise _as_api_error(error) from None
                logger.info("model call retried", attempt=attempt, error=_code(error))
                self._sleep(backoff)
        raise AssertionError("unreachable")

    def _client(self, context: Context) -> Any:
        available = context.deadline.seconds_left - MARGIN_SECONDS
        for seconds in READ_SECONDS:
            if seconds <= available:
                return self._client_for(seconds, self._settings.model_region)
        raise DeadlineExceeded("The request was not finished in time. Try again, or ask for less.")


class AnswerStream(ClosingIterator[str]):
    """The pieces of one answer's text. `stop_reason` is Bedrock's, known at the end. Closing it stops the model.

    Raises as `Bedrock.converse` does, and `Unavailable` when the stream ends without a stop reason: a connection that
    is cut between two events looks like a regular end.
    """

    def __init__(self, context: Context, invocation: Invocation, stream: Any, started: float) -> None:
        super().__init__(self._texts(), self._close_connection)
        self._context = context
        self._invocation = invocation
        self._stream = stream
        self._started = started
        self.stop_reason: str | None = None

    def _texts(self) -> Generator[str]:
        try:
            for event in self._stream:
                self._context.deadline.require(0)
                text = event.get("contentBlockDelta", {}).get("delta", {}).get("text")
                if text:
                    yield text
                self._read_metadata(event)
        except (ClientError, BotoCoreError, HTTPError, ParserError, OSError) as error:
            raise _as_api_error(error) from None
        if self.stop_reason is None:
            logger.warning("model stream cut", model=self._invocation.id)
            raise Unavailable("The model's answer was cut off. Try again.", retry_after=RETRY_AFTER_SECONDS)
        _check_refusal(self.stop_reason)

    def _read_metadata(self, event: dict[str, Any]) -> None:
        if "messageStop" in event:
            self.stop_reason = event["messageStop"]["stopReason"]
        if "metadata" in event:
            _count_tokens(self._context, self._invocation, event["metadata"].get("usage", {}))

    def _close_connection(self) -> None:
        self._stream.close()
        self._context.count_call(self._invocation, round((time.perf_counter() - self._started) * 1000))


def _count_tokens(context: Context, invocation: Invocation, usage: dict[str, int]) -> None:
    """Bedrock's `inputTokens` exclude those written to the prompt cache or read from it."""
    use = context.used(invocation)
    cached = usage.get("cacheReadInputTokens", 0)
    use.input_tokens += usage.get("inputTokens", 0) + usage.get("cacheWriteInputTokens", 0) + cached
    use.cached_tokens += cached
    use.output_tokens += usage.get("outputTokens", 0)


def _check_refusal(stop_reason: str | None) -> None:
    if stop_reason in ("guardrail_intervened", "content_filtered", "refusal"):
        raise Refused("The request or its answer violates the content policy of this service.")


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
        return _rejected(error.response["Error"].get("Message", ""))
    if code in ("ModelErrorException", "ModelStreamErrorException"):
        return ModelFailed("The model failed on this request.")
    # Access denied and an unknown model are deployment errors. The log names them; the caller can only wait.
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
    # The model does not say which field it is.
    details = [{"path": "request", "message": message}]
    error = InvalidRequest(f"The model did not accept the request: {message}", details=details)
    # What a log shows of the exception; the caller gets its message.
    error.args = ("The model did not accept the request.",)
    return error
