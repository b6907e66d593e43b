"""Fallback models: when a model is throttled, cannot be reached, has ended or is too slow, the next one answers.

Imported on stages with fallbacks only.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lambda_src.shared.bedrock import AnswerStream
from lambda_src.shared.catalog import Invocation, resolve
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
from lambda_src.shared.observability import count_fallback, logger

# What a model with fallbacks leaves of the request's time: enough for a short answer. If less than twice that is left,
# it leaves half. So a request of 27.5 s calls its model with a read timeout of 15 s, and a fallback with one of 10 s.
FALLBACK_SECONDS = 10.0
# The longest wait for a stream's first text. Requests with a stream have minutes, but someone watches.
FIRST_TEXT_SECONDS = 21.0
# Few models answer in less: a model leaves the others nothing if it would have less itself.
LEAST_SECONDS = 3.0
# Consecutive failed requests, each retried once, after which a model is skipped. One or two can be a moment's load;
# with three it costs more to wait for the model first than to miss its recovery for half a minute.
FAILURES = 3
# How long it is skipped. Quotas are per minute, and a function's process sees few requests in this time.
SKIP_SECONDS = 30.0

_FALLBACK_ERRORS = (DeadlineExceeded, ModelUnavailable, Throttled, Unavailable)
Result = TypeVar("Result")


class CircuitBreaker:
    """Which models to skip, by invocation id. Each process finds out by itself: asking a store would delay every call.

    After `SKIP_SECONDS` one request probes the model, and the others skip it for as long again.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: Counter[str] = Counter()
        self._skipped_until: dict[str, float] = {}

    def admits(self, model: str) -> bool:
        """Whether to call the model. The call must be made: it may be the probe."""
        until = self._skipped_until.get(model)
        if until is None:
            return True
        if self._now() < until:
            return False
        self._skipped_until[model] = self._now() + SKIP_SECONDS
        return True

    def succeeded(self, model: str) -> None:
        """The model answers."""
        self._failures.pop(model, None)
        if self._skipped_until.pop(model, None) is not None:
            logger.info("model answers again", model=model)

    def failed(self, model: str, error: ApiError) -> None:
        """One that has ended, or that the account may not use, is skipped at once."""
        self._failures[model] += 1
        if isinstance(error, ModelUnavailable) or self._failures[model] >= FAILURES:
            self._skipped_until[model] = self._now() + SKIP_SECONDS
            logger.warning("model skipped", model=model, error=error.code, seconds=SKIP_SECONDS)


class Fallbacks:
    """The fallbacks of a function's models."""

    def __init__(self, chains: Sequence[Sequence[str]], breaker: CircuitBreaker | None = None) -> None:
        """`chains`: as in `Settings.fallbacks`."""
        self._behind = {resolve(primary).id: tuple(map(resolve, others)) for primary, *others in chains}
        self._breaker = breaker or CircuitBreaker()

    def answer(
        self, context: Context, primary: Invocation, call: Callable[[Context, Invocation], Result]
    ) -> tuple[Result, Invocation]:
        """See `Bedrock.answer`."""
        models = self._models(context, primary)
        if len(models) == 1:
            return call(context, primary), primary

        def called(limited: Context, model: Invocation) -> Result:
            try:
                return call(limited, model)
            except (ModelUnavailable, Throttled, Unavailable) as error:
                if error.by_model:
                    # Bedrock bills nothing for such a call, so budgets need not assume that it did.
                    use = context.used(model)
                    use.add()
                    use.counted = use.calls
                raise

        return self._first(context, models, called)

    def answer_stream(
        self, context: Context, primary: Invocation, call: Callable[[Context, Invocation], AnswerStream]
    ) -> tuple[AnswerStream, Invocation]:
        """See `Bedrock.answer_stream`."""
        models = self._models(context, primary)
        if len(models) == 1:
            return call(context, primary), primary

        def started(limited: Context, model: Invocation) -> AnswerStream:
            stream = call(limited, model)
            stream.wait_for_text(context)
            return stream

        return self._first(context, models, started, FIRST_TEXT_SECONDS)

    def _models(self, context: Context, primary: Invocation) -> list[Invocation]:
        """The model, and those of its fallbacks that the caller's key is for."""
        allowed = context.grant.models
        behind = self._behind.get(primary.id, ())
        return [primary, *(each for each in behind if allowed is None or each.model.id in allowed)]

    def _first(
        self,
        context: Context,
        models: Sequence[Invocation],
        call: Callable[[Context, Invocation], Result],
        longest: float = float("inf"),
    ) -> tuple[Result, Invocation]:
        """The first result. Raises the first model's error when no model has one."""
        primary = models[0]
        failure: ApiError | None = None
        for number, model in enumerate(self._in_turn(models), start=1):
            try:
                result = self._called(context if number == len(models) else _limited(context, longest), model, call)
            except InvalidRequest:
                # The request fits the model that it names. A fallback that does not take it is none for this request.
                if model is primary:
                    raise
            except _FALLBACK_ERRORS as error:
                if not error.by_model:
                    raise
                failure = error if model is primary else failure or error
            else:
                return _reported(context, primary, model, failure, result)
            if context.deadline.seconds_left < LEAST_SECONDS:
                break
        raise failure or DeadlineExceeded("The model did not answer in time. Try again, or ask for less.")

    def _in_turn(self, models: Sequence[Invocation]) -> Iterator[Invocation]:
        """Those that the breaker admits, and after them the others: nobody gets an error that no model gave."""
        skipped = []
        for model in models:
            if self._breaker.admits(model.id):
                yield model
            else:
                skipped.append(model)
        yield from skipped

    def _called(self, context: Context, model: Invocation, call: Callable[[Context, Invocation], Result]) -> Result:
        """The call's result. The breaker learns of it."""
        try:
            result = call(context, model)
        except _FALLBACK_ERRORS as error:
            if error.by_model:
                self._breaker.failed(model.id, error)
            raise
        except (ModelFailed, Refused):
            self._breaker.succeeded(model.id)
            raise
        self._breaker.succeeded(model.id)
        return result


def _limited(context: Context, longest: float) -> Context:
    left = context.deadline.seconds_left
    if left < 2 * LEAST_SECONDS:
        return context
    return context.leaving_time(min(longest, max(left - FALLBACK_SECONDS, left / 2)))


def _reported(
    context: Context, primary: Invocation, model: Invocation, failure: ApiError | None, result: Result
) -> tuple[Result, Invocation]:
    """The result with its model, logged and counted if it is a fallback."""
    if model is not primary:
        reason = failure.code if failure else "skipped"
        logger.warning(
            "fallback answered", request_id=context.request_id, model=primary.id, fallback=model.id, reason=reason
        )
        count_fallback(primary.id)
    return result, model
