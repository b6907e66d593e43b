"""Calls to Bedrock within the request's deadline: timeouts, bounded retries, and its errors in our terms.

A botocore client has one read timeout for life, so there is one client for each of a few timeouts, and a call takes
the longest that ends before the deadline does.
"""

import json
import random
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, ReadTimeoutError

from shared import aws
from shared.catalogue import Invocation
from shared.context import Context
from shared.errors import (
    ApiError,
    DeadlineExceeded,
    InvalidRequest,
    ModelFailed,
    Refused,
    Throttled,
    Unavailable,
)
from shared.observability import logger
from shared.settings import Settings

READ_SECONDS = (26, 20, 15, 10, 7, 5, 3, 2, 1)
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
        guard = self._guardrail()
        if guard:
            request = {**request, "guardrailConfig": guard}
        answer = self._timed(context, invocation, lambda client: client.converse(modelId=invocation.id, **request))
        usage = answer.get("usage", {})
        use = context.used(invocation)
        use.input_tokens += usage.get("inputTokens", 0)
        use.output_tokens += usage.get("outputTokens", 0)
        if answer.get("stopReason") in ("guardrail_intervened", "content_filtered", "refusal"):
            raise Refused("The request or its answer is against the content policy of this service.")
        return dict(answer)

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


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def _worth_retrying(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return _code(error) in RETRIED
    return isinstance(error, (ConnectionError, HTTPClientError)) and not isinstance(error, ReadTimeoutError)


def _translated(error: Exception) -> ApiError:
    code = _code(error)
    logger.warning("model call failed", error=code, reason=str(error))
    if isinstance(error, ReadTimeoutError) or code == "ModelTimeoutException":
        return DeadlineExceeded("The model did not answer in time. Try again, or ask for less.")
    if code in ("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException"):
        return Throttled("The model takes no more requests at the moment.", retry_after=RETRY_AFTER_SECONDS)
    if code == "ValidationException" and isinstance(error, ClientError):
        return _rejected(error.response["Error"].get("Message", ""))
    if code == "ModelErrorException":
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
