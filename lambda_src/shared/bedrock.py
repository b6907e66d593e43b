"""Calls to Bedrock within the request's deadline: timeouts, bounded retries, and its errors in our terms.

A botocore client has one read timeout for life, so there is one client for each of a few timeouts, and a call takes
the longest that ends before the deadline does.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.eventstream import ParserError
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, ReadTimeoutError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as StreamTimeoutError

from lambda_src.shared import aws
from lambda_src.shared.catalogue import Invocation
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

# The first is for streams: how long a model may think between two pieces. A plain request is over before.
READ_SECONDS = (60, 26, 20, 15, 10, 7, 5, 3, 2, 1)
STREAM_READ_SECONDS, PLAIN_READ_SECONDS = READ_SECONDS[:2]
MARGIN_SECONDS = 0.8
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.3
RETRY_AFTER_SECONDS = 5
RETRIED = {
    "ThrottlingException",
    "TooManyRequestsException",
    "ServiceUnavailableException",
    "InternalServerException",
    "ModelNotReadyException",
}

ClientFor = Callable[[int, str | None], Any]


class Bedrock:
    """The models as a stage offers them. `client_for(read_seconds, region)` gives the client; tests hand in a fake."""

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
        _count(context, invocation, answer.get("usage", {}))
        _refuse(answer.get("stopReason"))
        return dict(answer)

    def converse_stream(self, context: Context, invocation: Invocation, request: dict[str, Any]) -> "AnswerStream":
        """The answer's text as it is written. What goes wrong before the first piece, raises here and is repeated."""
        request = self._guarded_request(invocation, request)
        begun = time.perf_counter()
        answer = self._retried(context, lambda client: client.converse_stream(**request))
        return AnswerStream(context, invocation, answer["stream"], begun)

    def invoke(self, context: Context, invocation: Invocation, body: dict[str, Any]) -> tuple[Any, int]:
        """InvokeModel's decoded answer, and the input tokens that Bedrock counted (0 when it did not say)."""

        def call(client: Any) -> Any:
            answer = client.invoke_model(
                modelId=invocation.id, body=json.dumps(body), contentType="application/json", accept="application/json"
            )
            # Read inside the retried part: a body cut on its way is a connection error like any other.
            return json.loads(answer["body"].read()), answer["ResponseMetadata"].get("HTTPHeaders", {})

        content, headers = self._timed(context, invocation, call)
        return content, int(headers.get("x-amzn-bedrock-input-token-count", 0))

    def screen(self, context: Context, text: str) -> str:
        """The text as the guardrail lets it pass, personal data masked. Raises `Refused` when it blocks."""
        guard = self._guardrail()
        if not guard:
            return text
        answer = self._retried(
            context,
            lambda client: client.apply_guardrail(**guard, source="INPUT", content=[{"text": {"text": text}}]),
        )
        if answer["action"] != "GUARDRAIL_INTERVENED":
            return text
        if _blocked(answer.get("assessments", [])):
            raise Refused("The request is against the content policy of this service.")
        return "".join(part["text"] for part in answer["outputs"]) or text

    @property
    def guarded(self) -> bool:
        """Whether the stage screens prompts and answers."""
        return bool(self._guardrail())

    def _guardrail(self) -> dict[str, str]:
        settings = self._settings
        if not settings.guardrail_id or not settings.guardrail_version:
            return {}
        return {"guardrailIdentifier": settings.guardrail_id, "guardrailVersion": settings.guardrail_version}

    def _guarded_request(self, invocation: Invocation, request: dict[str, Any]) -> dict[str, Any]:
        guard = self._guardrail()
        return {"modelId": invocation.id, **request, **({"guardrailConfig": guard} if guard else {})}

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
                pause = random.uniform(0.5, 1.0) * FIRST_PAUSE_SECONDS * 2**attempt
                out_of_time = context.deadline.seconds_left - pause < MARGIN_SECONDS + READ_SECONDS[-1]
                if attempt == ATTEMPTS or out_of_time or not _worth_retrying(error):
                    raise _translated(error) from error
                logger.info("model call repeated", attempt=attempt, error=_code(error))
                self._sleep(pause)
        raise AssertionError("unreachable")

    def _client(self, context: Context) -> Any:
        left = context.deadline.seconds_left - MARGIN_SECONDS
        for seconds in READ_SECONDS:
            if seconds <= left:
                return self._client_for(seconds, self._settings.model_region)
        raise DeadlineExceeded("The request was not finished in time. Try again, or ask for less.")


class AnswerStream:
    """The pieces of one answer's text, to be iterated once; `stop_reason` is Bedrock's, known at the end.

    Raises as `Bedrock.converse` does, and `Unavailable` when the stream ends before the model has said that the answer
    is complete: a connection that is cut at the right place looks like an end.
    """

    def __init__(self, context: Context, invocation: Invocation, stream: Any, begun: float) -> None:
        self._context = context
        self._invocation = invocation
        self._stream = stream
        self._begun = begun
        self.stop_reason: str | None = None

    def __iter__(self) -> Iterator[str]:
        try:
            for event in self._stream:
                self._context.deadline.require(0)
                text = event.get("contentBlockDelta", {}).get("delta", {}).get("text")
                if text:
                    yield text
                self._note(event)
        except (ClientError, BotoCoreError, HTTPError, ParserError, OSError) as error:
            raise _translated(error) from error
        finally:
            self.close()
            self._context.count_call(self._invocation, round((time.perf_counter() - self._begun) * 1000))
        if self.stop_reason is None:
            logger.warning("model stream cut", model=self._invocation.id)
            raise Unavailable("The model's answer was cut off. Try again.", retry_after=RETRY_AFTER_SECONDS)
        _refuse(self.stop_reason)

    def close(self) -> None:
        """Hang up: the model stops writing."""
        self._stream.close()

    def _note(self, event: dict[str, Any]) -> None:
        if "messageStop" in event:
            self.stop_reason = event["messageStop"]["stopReason"]
        if "metadata" in event:
            _count(self._context, self._invocation, event["metadata"].get("usage", {}))


def _count(context: Context, invocation: Invocation, usage: dict[str, int]) -> None:
    """Bedrock counts tokens that were written to the prompt cache, or read from it, apart from the others."""
    use = context.used(invocation)
    read = usage.get("cacheReadInputTokens", 0)
    use.input_tokens += usage.get("inputTokens", 0) + usage.get("cacheWriteInputTokens", 0) + read
    use.cached_tokens += read
    use.output_tokens += usage.get("outputTokens", 0)


def _refuse(stop_reason: str | None) -> None:
    if stop_reason in ("guardrail_intervened", "content_filtered", "refusal"):
        raise Refused("The request or its answer is against the content policy of this service.")


def _code(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return type(error).__name__
    code = str(error.response["Error"]["Code"])
    # In a stream the same errors begin with a small letter.
    return code[:1].upper() + code[1:]


def _worth_retrying(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return _code(error) in RETRIED
    return isinstance(error, (ConnectionError, HTTPClientError)) and not isinstance(error, ReadTimeoutError)


def _translated(error: Exception) -> ApiError:
    code = _code(error)
    logger.warning("model call failed", error=code, reason=str(error))
    if isinstance(error, (ReadTimeoutError, StreamTimeoutError)) or code == "ModelTimeoutException":
        return DeadlineExceeded("The model did not answer in time. Try again, or ask for less.")
    if code in ("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException"):
        return Throttled("The model takes no more requests at the moment.", retry_after=RETRY_AFTER_SECONDS)
    if code == "ValidationException" and isinstance(error, ClientError):
        return _rejected(error.response["Error"].get("Message", ""))
    if code in ("ModelErrorException", "ModelStreamErrorException"):
        return ModelFailed("The model failed on this request.")
    # Access denied and an unknown model are faults of the deployment: the log says which, the caller can only wait.
    return Unavailable("The model cannot be reached at the moment.", retry_after=RETRY_AFTER_SECONDS)


def _rejected(message: str) -> ApiError:
    # Titan Image and Nova Canvas tell of blocked content by a validation error.
    if "content filter" in message.lower() or "content policy" in message.lower():
        return Refused("The model declined this request.")
    return InvalidRequest(f"The model did not accept the request: {message}")


def _blocked(assessment: Any) -> bool:
    """Whether anything in a guardrail's assessment was blocked, not only masked."""
    if isinstance(assessment, dict):
        return assessment.get("action") == "BLOCKED" or any(map(_blocked, assessment.values()))
    return isinstance(assessment, list) and any(map(_blocked, assessment))
