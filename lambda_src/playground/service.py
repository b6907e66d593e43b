"""Completions of one model, comparisons of several, and the list of models."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from msgspec import UNSET

from lambda_src.playground.models import (
    CompareCompletions,
    Comparison,
    Completion,
    CreateCompletion,
    ListedModel,
    Message,
    ModelList,
    Task,
)
from lambda_src.shared.bedrock import AnswerStream, Bedrock
from lambda_src.shared.catalog import Invocation, models, resolve
from lambda_src.shared.context import Context
from lambda_src.shared.errors import ApiError, InvalidRequest
from lambda_src.shared.observability import logger
from lambda_src.shared.parameters import (
    Values,
    converse_fields,
    effective_parameters,
    explicit_parameters,
    parameter_ranges,
)
from lambda_src.shared.schemas import Usage
from lambda_src.shared.settings import Settings
from lambda_src.shared.streams import ClosingIterator, text_then_result


class PlaygroundService:
    """The operations of the playground's route table."""

    def __init__(self, settings: Settings, bedrock: Bedrock) -> None:
        self._settings = settings
        self._bedrock = bedrock

    def create_completion(self, context: Context, *, body: CreateCompletion) -> Completion:
        """Raises `InvalidRequest`, `Refused`, and the model's errors."""
        chosen = self._settings.model(context, body.model)
        conversation = self._conversation(body)
        # Refuses parameters that this model does not take, also while a fallback answers for it.
        _request(chosen, body, conversation)
        completion, _ = self._bedrock.answer(
            context, chosen, lambda limited, model: self._complete(limited, model, body, conversation)
        )
        return completion

    def stream_completion(self, context: Context, *, body: CreateCompletion) -> ClosingIterator[str | Completion]:
        """The text in pieces as it arrives, then the completion. Raises the errors of `create_completion`."""
        chosen = self._settings.model(context, body.model)
        conversation = self._conversation(body)
        _request(chosen, body, conversation)

        def start(limited: Context, model: Invocation) -> AnswerStream:
            return self._bedrock.converse_stream(limited, model, _request(model, body, conversation)[0])

        stream, invocation = self._bedrock.answer_stream(context, chosen, start)
        request, parameters = _request(invocation, body, conversation)

        def finish(text: str) -> Completion:
            return self._completion(context, invocation, request, text, stream.stop_reason or "", parameters)

        return text_then_result(stream, finish)

    def compare_completions(self, context: Context, *, body: CompareCompletions) -> Comparison:
        """A failed model has its error in its place, and no fallback answers for it.

        Raises `InvalidRequest` for a task that no model can answer.

        When all models failed, a retry with the same idempotency key calls them again, as for a single request.
        """
        invocations = self._distinct(context, body.models)
        conversation = self._conversation(body)

        def complete(invocation: Invocation) -> Completion | dict[str, Any]:
            try:
                return self._complete(context, invocation, body, conversation)
            except ApiError as error:
                return error.body(context.request_id)

        # Each call ends before the request's deadline on its own.
        with ThreadPoolExecutor(max_workers=len(invocations)) as pool:
            items = list(pool.map(complete, invocations))
        if not any(isinstance(item, Completion) for item in items):
            context.idempotency.discard()
        return Comparison(items=items, request_id=context.request_id)

    def list_models(self, context: Context) -> ModelList:
        """The complete catalog, including models that have ended."""
        # Reversed: if a model is offered by several ids, its bare id means the first.
        invocations = map(resolve, reversed(self._settings.models))
        offered = {invocation.model.id: invocation for invocation in invocations}
        invoked = (offered.get(model.id) or Invocation(model.id, model) for model in models())
        items = [_listed(invocation, invocation.model.id in offered) for invocation in invoked]
        return ModelList(items=items, request_id=context.request_id)

    def _conversation(self, task: Task) -> dict[str, Any]:
        """Converse's `messages` and `system`. Raises `InvalidRequest` unless user and assistant alternate.

        The guardrail assesses all messages, and instructions in a block for it.
        """
        if (task.prompt is None) == (task.messages is None):
            raise InvalidRequest.at("body", "needs either a prompt or messages")
        turns = _turns(task.messages) if task.messages else [_turn("user", task.prompt or "")]
        if task.instructions is None:
            return {"messages": turns}
        return {"messages": turns, "system": [self._bedrock.text_block(task.instructions)]}

    def _distinct(self, context: Context, models: Sequence[str]) -> list[Invocation]:
        choose = self._settings.model
        invocations = [choose(context, model, f"body.models[{index}]") for index, model in enumerate(models)]
        if len({invocation.id for invocation in invocations}) < len(invocations):
            raise InvalidRequest.at("body.models", "a model is named twice")
        return invocations

    def _complete(
        self, context: Context, invocation: Invocation, task: Task, conversation: dict[str, Any]
    ) -> Completion:
        request, parameters = _request(invocation, task, conversation)
        answer = self._bedrock.converse(context, invocation, request)
        text = "".join(block.get("text", "") for block in answer["output"]["message"]["content"])
        return self._completion(context, invocation, request, text, answer["stopReason"], parameters)

    def _completion(
        self,
        context: Context,
        invocation: Invocation,
        request: dict[str, Any],
        text: str,
        stop_reason: str,
        parameters: Values,
    ) -> Completion:
        if self._settings.payload_logging:
            logger.info("payload", request_id=context.request_id, messages=request["messages"], text=text)
        use = context.used(invocation)
        return Completion(
            text=text,
            stop_reason=stop_reason,
            model=invocation.id,
            parameters=parameters,
            usage=Usage(input_tokens=use.input_tokens, output_tokens=use.output_tokens),
            latency_ms=use.latency_ms,
            request_id=context.request_id,
        )


def _request(invocation: Invocation, task: Task, conversation: dict[str, Any]) -> tuple[dict[str, Any], Values]:
    """Converse's request, and the effective parameters."""
    values = explicit_parameters(task.parameters)
    parameters = effective_parameters(invocation.model, values)
    # Bedrock applies the other defaults itself: some models refuse certain parameters in combination.
    request = converse_fields(invocation.model, {**values, "maxTokens": parameters["maxTokens"]})
    return {**conversation, **request}, parameters


def _turns(messages: list[Message]) -> list[dict[str, Any]]:
    if messages[0].role != "user":
        raise InvalidRequest.at("body.messages[0].role", "the first message is the user's")
    for index, (message, following) in enumerate(pairwise(messages), start=1):
        if message.role == following.role:
            raise InvalidRequest.at(f"body.messages[{index}].role", "user and assistant take turns")
    if messages[-1].role != "user":
        raise InvalidRequest.at(f"body.messages[{len(messages) - 1}].role", "the last message is the user's")
    return [_turn(message.role, message.text) for message in messages]


def _turn(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": [{"text": text}]}


def _listed(invocation: Invocation, offered: bool) -> ListedModel:
    model = invocation.model
    return ListedModel(
        id=model.id,
        provider=model.provider,
        family=model.family,
        name=model.name,
        purpose=model.purpose,
        parameters=parameter_ranges(model),
        inputs=model.inputs,
        lifecycle=model.lifecycle,
        offered=offered,
        invocation_id=invocation.id if offered else UNSET,
        price=invocation.price or UNSET,
    )
