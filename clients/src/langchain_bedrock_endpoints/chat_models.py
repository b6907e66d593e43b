"""Chat over the playground's completions."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, closing
from functools import cached_property
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field

from langchain_bedrock_endpoints._api import Api, Request
from langchain_bedrock_endpoints._connection import TOKEN, Endpoint
from langchain_bedrock_endpoints._events import Event
from langchain_bedrock_endpoints._messages import joined, role, text
from langchain_bedrock_endpoints.errors import ConnectionFailed, UnexpectedAnswer, from_content

# LangChain's names for what the API calls by its own.
PARAMETERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxTokens",
    "stop": "stopSequences",
    "length_penalty": "lengthPenalty",
    "repetition_penalty": "repetitionPenalty",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}


class ChatBedrockEndpoints(Endpoint, BaseChatModel):
    """A chat model behind the playground's API.

    System messages become the `instructions`, wherever they stand. Of user and assistant, messages in a row are joined
    by line breaks, as the API has them take turns; the first and the last one are the user's. Text only: tools,
    structured output, pictures and sound are refused (`ValueError`, `NotImplementedError`).

    Which parameters a model takes, and in which range, its row in `GET /models` says; any other is `InvalidRequest`.
    An answer's `response_metadata` has the API's `stopReason`, `latencyMs`, `parameters` (those in force) and
    `requestId`, and `model_name`, the model that answered.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    model: str | None = None
    """One that the stage offers. Default: the stage's first."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: list[str] | None = Field(default=None, alias="stop_sequences")
    length_penalty: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None

    streaming: bool = False
    """Whether `invoke` uses the stream, too: it may last 5 minutes where a plain answer may last 29 seconds."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(self._api.call(self._request("/completions", messages, stop, kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(await self._api.acall(self._request("/completions", messages, stop, kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        done = False
        with closing(self._api.stream(self._request("/completions/stream", messages, stop, kwargs))) as events:
            for event in events:
                chunk, done = _chunk(event), event.name == "completion"
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
        _check_end(done)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        done = False
        async with aclosing(self._api.astream(self._request("/completions/stream", messages, stop, kwargs))) as events:
            async for event in events:
                chunk, done = _chunk(event), event.name == "completion"
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
        _check_end(done)

    @cached_property
    def _api(self) -> Api:
        return Api(self, "playground")

    def _request(
        self, path: str, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any]
    ) -> Request:
        instructions = "\n".join(text(message) for message in messages if role(message) == "system")
        turns = joined(message for message in messages if role(message) != "system")
        body = {
            "model": kwargs.get("model", self.model),
            "instructions": instructions or None,
            "messages": [{"role": who, "text": said} for who, said in turns],
            "parameters": self._parameters(stop, kwargs) or None,
        }
        return Request("POST", path, {name: value for name, value in body.items() if value is not None})

    def _parameters(self, stop: list[str] | None, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """This object's under the call's, by their names on the wire."""
        if unknown := kwargs.keys() - PARAMETERS.keys() - {"model", "stream"}:
            raise ValueError(f"The API has no {', '.join(sorted(unknown))}.")
        named = {**{name: getattr(self, name) for name in PARAMETERS}, **kwargs}
        if stop is not None:
            named["stop"] = stop
        return {wire: named[name] for name, wire in PARAMETERS.items() if named[name] not in (None, [])}

    @property
    def _llm_type(self) -> str:
        return "bedrock-endpoints-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What an answer depends on: LangChain's caches compare it."""
        return {
            "base_url": self.base_url,
            "stage": self.stage,
            "model": self.model,
            "parameters": self._parameters(None, {}),
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        known = super()._get_ls_params(stop=stop or self.stop, **kwargs)
        return LangSmithParams(**{"ls_model_name": "the stage's default", **known, "ls_provider": "bedrock_endpoints"})

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        return cls.__module__.split(".")

    @property
    def lc_secrets(self) -> dict[str, str]:
        return {"token": TOKEN}


def _result(completion: Any) -> ChatResult:
    message = AIMessage(
        content=completion["text"], usage_metadata=_usage(completion), response_metadata=_metadata(completion)
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(event: Event) -> ChatGenerationChunk:
    if event.name == "delta":
        return ChatGenerationChunk(message=AIMessageChunk(content=event.data["text"]))
    if event.name == "completion":
        # Its text has come in the pieces.
        message = AIMessageChunk(
            content="",
            usage_metadata=_usage(event.data),
            response_metadata=_metadata(event.data),
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message)
    if event.name == "error":
        raise from_content(event.data)
    raise UnexpectedAnswer(f"The API's stream has an event that the contract has not: {event.name}.")


def _check_end(done: bool) -> None:
    if not done:
        raise ConnectionFailed("The stream was cut before its end.")


def _usage(completion: Any) -> UsageMetadata:
    used = completion["usage"]
    given, made = used.get("inputTokens", 0), used.get("outputTokens", 0)
    return UsageMetadata(input_tokens=given, output_tokens=made, total_tokens=given + made)


def _metadata(completion: Any) -> dict[str, Any]:
    kept = {name: completion[name] for name in ("stopReason", "latencyMs", "parameters", "requestId")}
    return {**kept, "model_name": completion["model"], "model_provider": "bedrock_endpoints"}
