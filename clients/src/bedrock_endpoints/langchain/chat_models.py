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

from bedrock_endpoints.discovery import TOKEN_VARIABLE
from bedrock_endpoints.errors import UnexpectedResponse
from bedrock_endpoints.events import Event
from bedrock_endpoints.langchain._api import Api, Endpoint, Request
from bedrock_endpoints.langchain._messages import merge_consecutive, role, text

# LangChain's parameter names and the API's.
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
    """A chat model over the playground's API.

    System messages become the `instructions`, wherever they are. Consecutive messages of one role are joined by line
    breaks, because the API's messages alternate; the first and the last message are the user's. Text only: tools,
    structured output, images and sound are rejected (`ValueError`, `NotImplementedError`).

    `GET /models` lists the parameters that a model accepts, and their ranges; any other raises `InvalidRequest`.
    The `response_metadata` of an answer has the API's `stopReason`, `latencyMs`, `parameters` (those in force) and
    `requestId`, and `model_name`, the model that answered.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    model: str | None = None
    """A model that the stage offers. Default: the stage's first."""

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
    """Whether `invoke` uses the stream, too: it may take 5 minutes, a plain response 29 seconds."""

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
        with closing(self._api.stream(self._request("/completions/stream", messages, stop, kwargs))) as events:
            for event in events:
                chunk = _chunk(event)
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with aclosing(self._api.astream(self._request("/completions/stream", messages, stop, kwargs))) as events:
            async for event in events:
                chunk = _chunk(event)
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    @cached_property
    def _api(self) -> Api:
        return Api(self, "playground")

    def _request(
        self, path: str, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any]
    ) -> Request:
        instructions = "\n".join(text(message) for message in messages if role(message) == "system")
        turns = merge_consecutive(message for message in messages if role(message) != "system")
        body = {
            "model": kwargs.get("model", self.model),
            "instructions": instructions or None,
            "messages": [{"role": turn_role, "text": content} for turn_role, content in turns],
            "parameters": self._parameters(stop, kwargs) or None,
        }
        return Request("POST", path, {name: value for name, value in body.items() if value is not None})

    def _parameters(self, stop: list[str] | None, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The call's parameters, else this object's, by the API's names."""
        if unknown := kwargs.keys() - PARAMETERS.keys() - {"model", "stream"}:
            raise ValueError(f"The API has no {', '.join(sorted(unknown))}.")
        values = {**{name: getattr(self, name) for name in PARAMETERS}, **kwargs}
        if stop is not None:
            values["stop"] = stop
        return {api_name: values[name] for name, api_name in PARAMETERS.items() if values[name] not in (None, [])}

    @property
    def _llm_type(self) -> str:
        return "bedrock-endpoints-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """Everything that an answer depends on: LangChain's caches use it as a key."""
        return {
            "base_url": self.base_url,
            "stage": self.stage,
            "model": self.model,
            "parameters": self._parameters(None, {}),
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop or self.stop, **kwargs)
        return LangSmithParams(**{"ls_model_name": "the stage's default", **params, "ls_provider": "bedrock_endpoints"})

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        return cls.__module__.split(".")

    @property
    def lc_secrets(self) -> dict[str, str]:
        return {"token": TOKEN_VARIABLE}


def _result(completion: Any) -> ChatResult:
    message = AIMessage(
        content=completion["text"], usage_metadata=_usage(completion), response_metadata=_metadata(completion)
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(event: Event) -> ChatGenerationChunk:
    if event.name == "delta":
        return ChatGenerationChunk(message=AIMessageChunk(content=event.data["text"]))
    if event.name == "completion":
        # The deltas contained its text.
        message = AIMessageChunk(
            content="",
            usage_metadata=_usage(event.data),
            response_metadata=_metadata(event.data),
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message)
    raise UnexpectedResponse(f"The stream has an event that the API does not document: {event.name}.")


def _usage(completion: Any) -> UsageMetadata:
    usage = completion["usage"]
    input_tokens, output_tokens = usage.get("inputTokens", 0), usage.get("outputTokens", 0)
    return UsageMetadata(
        input_tokens=input_tokens, output_tokens=output_tokens, total_tokens=input_tokens + output_tokens
    )


def _metadata(completion: Any) -> dict[str, Any]:
    metadata = {name: completion[name] for name in ("stopReason", "latencyMs", "parameters", "requestId")}
    return {**metadata, "model_name": completion["model"], "model_provider": "bedrock_endpoints"}
