"""
Converse and ConverseStream: validates a request as Bedrock does, generates the answer, and returns Bedrock's format.

Every answer is generated as a stream of events; Converse collects them.
"""

import base64
import binascii
import json
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from dev.local.models import citing, memory, sight
from dev.local.models.caching import Block, Cached, PromptCache
from dev.local.models.citing import Numbered
from dev.local.models.errors import ModelError, invalid
from dev.local.models.pieces import in_pieces, trimmed, until_stop
from dev.local.models.runtimes import Piece, Runtimes
from dev.local.models.simulate import Event, Events, Simulation, Simulator, without_markers
from dev.local.models.structured import Filler

_FORMATS = {"png", "jpeg", "gif", "webp"}
_MAX_IMAGE_BYTES = 3_750_000
_MAX_IMAGES = 20
# The gateway's timeout is 29 seconds, and two cores generate about 100 tokens per second.
_MAX_GENERATED_TOKENS = 400
_SYSTEM_CHARACTERS = 2_000
_PROMPT_CHARACTERS = 7_000
_REFUSAL = "I can't help with that request."
_MAX_OUTPUT = 64_000
# Additional request fields of model families, by a part of the model's id.
_ADDITIONAL = {
    "anthropic.claude": {"top_k", "thinking", "output_config", "anthropic_beta"},
    "amazon.nova": {"inferenceConfig", "reasoningConfig"},
    "openai.gpt-oss": {"reasoning_effort"},
    "openai.gpt": {"reasoning"},
    "xai.grok": {"reasoning"},
    "zai.glm": {"reasoning_effort"},
    "deepseek.": {"reasoning_effort"},
    "qwen.": {"reasoning_config"},
}


@dataclass
class Conversation:
    """A request's content as plain text."""

    turns: list[dict[str, str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    image_tokens: int = 0
    has_tool_result: bool = False
    numbered: Numbered | None = None

    @property
    def source(self) -> str:
        """The text of all user turns, because a request for a repair follows the turn with the text."""
        return "\n\n".join(turn["content"] for turn in self.turns if turn["role"] == "user")


@dataclass
class Answer:
    """
    One content block in pieces: a text, or a tool's input if `tool` is set. `stop` and `output_tokens` are final after
    the last piece; 0 means that tokens were not counted.
    """

    pieces: Generator[str, None, None]
    stop: str = "end_turn"
    output_tokens: int = 0
    tool: dict[str, str] | None = None


class Converser:
    """Bedrock's Converse API with the local models."""

    def __init__(self, runtimes: Runtimes, simulator: Simulator) -> None:
        self._runtimes = runtimes
        self._simulator = simulator
        self._cache = PromptCache(self._tokens)

    def converse(self, model: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the response body. Raises `ModelError`."""
        events, _ = self._begin(model, request, streamed=False)
        return collected(events)

    def stream(self, model: str, request: Mapping[str, Any]) -> Events:
        """Returns the events. Raises `ModelError` immediately, and `StreamError` and `StreamCut` during iteration."""
        events, simulation = self._begin(model, request, streamed=True)
        return self._simulator.disturb(events, simulation)

    def _begin(self, model: str, request: Mapping[str, Any], *, streamed: bool) -> tuple[Events, Simulation]:
        """Validates the request before the first event."""
        started = time.perf_counter()
        _check_additional(model, request.get("additionalModelRequestFields") or {})
        conversation = self._read(request)
        system = "\n".join(filter(None, map(_plain, request.get("system") or [])))
        config = _inference(request.get("inferenceConfig") or {})
        simulation = self._simulator.apply(model, conversation.source, streamed=streamed)
        cached = self._cache.look_up(model, request)
        answer = self._answer(request, conversation, system, config, simulation)
        tools = json.dumps(request["toolConfig"]) if request.get("toolConfig") else ""
        schema = json.dumps(request["outputConfig"]) if request.get("outputConfig") else ""
        prompt = "\n".join([system, tools, schema, *(turn["content"] for turn in conversation.turns)])
        input_tokens = self._runtimes.embedder.count(prompt) + conversation.image_tokens
        return self._events(answer, input_tokens, cached, started), simulation

    def _events(self, answer: Answer, input_tokens: int, cached: Cached | None, started: float) -> Events:
        yield "messageStart", {"role": "assistant"}
        if answer.tool:
            yield "contentBlockStart", {"start": {"toolUse": answer.tool}, "contentBlockIndex": 0}
        pieces = []
        with closing(answer.pieces):
            for piece in answer.pieces:
                pieces.append(piece)
                delta = {"toolUse": {"input": piece}} if answer.tool else {"text": piece}
                yield "contentBlockDelta", {"delta": delta, "contentBlockIndex": 0}
        yield "contentBlockStop", {"contentBlockIndex": 0}
        yield "messageStop", {"stopReason": answer.stop}
        output_tokens = answer.output_tokens or self._runtimes.embedder.count("".join(pieces))
        yield (
            "metadata",
            {
                "usage": _usage(input_tokens, output_tokens, cached),
                "metrics": {"latencyMs": round((time.perf_counter() - started) * 1000)},
            },
        )

    def _tokens(self, blocks: list[Block]) -> int:
        """The input tokens of valid blocks."""
        pictures = sum(
            sight.tokens(base64.b64decode(content["image"]["source"]["bytes"]))
            for block in blocks
            if "image" in (content := block.get("guardContent") or block)
        )
        text = "\n".join(filter(None, map(_plain, blocks)))
        return pictures + (self._runtimes.embedder.count(text) if text else 0)

    def _read(self, request: Mapping[str, Any]) -> Conversation:
        messages = request.get("messages")
        if not isinstance(messages, list) or not messages:
            raise invalid(
                "A conversation must start with a user message. Try again with a conversation that starts so."
            )
        conversation = Conversation()
        for number, message in enumerate(messages):
            role, content = message.get("role"), message.get("content")
            if role not in ("user", "assistant"):
                raise invalid(
                    f"Value at 'messages.{number}.member.role' must satisfy enum value set: [user, assistant]"
                )
            if number == 0 and role != "user":
                raise invalid("A conversation must start with a user message.")
            if not isinstance(content, list) or not content:
                raise invalid(f"The content field in the Message object at messages.{number} is empty.")
            texts = [text for block in content if (text := self._block(block, conversation))]
            conversation.turns.append({"role": role, "content": "\n".join(texts)})
            if role == "user":
                # A later turn without numbered sentences requests a repair and refers to the earlier ones.
                conversation.numbered = citing.read(list(map(without_markers, texts))) or conversation.numbered
        return conversation

    def _block(self, block: Mapping[str, Any], conversation: Conversation) -> str:
        if "text" in block:
            if not isinstance(block["text"], str) or not block["text"].strip():
                raise invalid("The text field in the ContentBlock object is blank. Add text to the text field.")
        elif "image" in (content := block.get("guardContent") or block):
            self._image(content["image"], conversation)
        elif "toolResult" in block:
            conversation.has_tool_result = True
        elif not {"guardContent", "toolUse", "cachePoint"} & set(block):
            raise invalid(f"The model doesn't support the content block {sorted(block)}.")
        return _plain(block)

    @staticmethod
    def _image(image: Mapping[str, Any], conversation: Conversation) -> None:
        image_format, source = image.get("format"), image.get("source") or {}
        if image_format not in _FORMATS:
            raise invalid(f"Image format {image_format} is not supported.")
        try:
            data = base64.b64decode(source.get("bytes") or "", validate=True)
        except (binascii.Error, ValueError) as failure:
            raise invalid("The image's bytes are not base64.") from failure
        if not data or len(data) > _MAX_IMAGE_BYTES:
            raise invalid("Image size is not within the limits.")
        if len(conversation.images) >= _MAX_IMAGES:
            raise invalid("Too many images in the request.")
        conversation.images.append(sight.describe(data, str(image_format)))
        conversation.image_tokens += sight.tokens(data)

    def _answer(
        self,
        request: Mapping[str, Any],
        conversation: Conversation,
        system: str,
        config: "Inference",
        simulation: Simulation,
    ) -> Answer:
        if "refusal" in simulation:
            return Answer(in_pieces(_REFUSAL), "content_filtered")
        tool = _forced_tool(request.get("toolConfig"))
        schema = tool["schema"] if tool else _schema(request.get("outputConfig"))
        if schema is None and not conversation.has_tool_result:
            free = _free_tool(request.get("toolConfig"))
            tool, schema = (free, free["schema"]) if free else (None, None)
        if schema is None:
            return self._write(conversation, system, config, simulation)
        if "invalid-json" in simulation:
            broken: Any = {"unexpected": "simulated"}
            if tool:
                return _tool_use(tool["name"], broken)
            return Answer(in_pieces('{"title": "cut off'))
        filler = Filler(self._runtimes)
        source = without_markers(conversation.source)
        value = filler.fill(schema, source, conversation.images, system, conversation.numbered)
        if tool:
            return _tool_use(tool["name"], value)
        text = json.dumps(value, ensure_ascii=False)
        if self._runtimes.embedder.count(text) > config.max_tokens:
            return Answer(in_pieces(text[: config.max_tokens * 3]), "max_tokens", config.max_tokens)
        return Answer(in_pieces(text))

    def _write(self, conversation: Conversation, system: str, config: "Inference", simulation: Simulation) -> Answer:
        if "invalid-json" in simulation:
            return Answer(in_pieces("Here is what I found, in my own words."))
        extract = memory.summarize(system, without_markers(conversation.source)) or memory.recall(
            system, conversation.turns
        )
        if extract is not None:
            return Answer(in_pieces(extract))
        messages = [{"role": "system", "content": system[:_SYSTEM_CHARACTERS]}] if system else []
        descriptions = "\n".join(conversation.images)
        messages += memory.last_turns(conversation.turns, _PROMPT_CHARACTERS)
        if descriptions:
            messages[-1]["content"] = f"{descriptions}\n{messages[-1]['content']}".strip()
        answer = Answer(in_pieces(""))
        answer.pieces = self._generated(messages, config, answer)
        return answer

    def _generated(
        self, messages: list[dict[str, str]], config: "Inference", answer: Answer
    ) -> Generator[str, None, None]:
        """The language model's text; sets the answer's stop reason."""
        stream = self._runtimes.writer.stream(
            messages,
            max_tokens=min(config.max_tokens, _MAX_GENERATED_TOKENS),
            temperature=config.temperature,
            top_p=config.top_p,
        )
        with closing(stream):
            # The runtime does not report whether a stop sequence ended the text, so stop sequences are applied here.
            text = _stopped(until_stop(_counted(stream, answer), config.stop_sequences), answer)
            is_empty = True
            for piece in trimmed(text):
                is_empty = False
                yield piece
        if is_empty:
            yield "..."


def _counted(stream: Iterable[Piece], answer: Answer) -> Iterator[str]:
    for piece in stream:
        answer.output_tokens += bool(piece.text)
        if piece.finish == "length":
            answer.stop = "max_tokens"
        yield piece.text


def _stopped(text: Iterable[str | None], answer: Answer) -> Iterator[str]:
    for piece in text:
        if piece is None:
            answer.stop = "stop_sequence"
        else:
            yield piece


def collected(events: Iterable[Event]) -> dict[str, Any]:
    """Builds Converse's response body from events."""
    tool: dict[str, Any] | None = None
    text, body = "", dict[str, Any]()
    for event_type, content in events:
        if event_type == "contentBlockStart":
            tool = content["start"]["toolUse"]
        elif event_type == "contentBlockDelta":
            text += content["delta"]["toolUse"]["input"] if tool else content["delta"]["text"]
        elif event_type in ("messageStop", "metadata"):
            body |= content
    block = {"toolUse": {**tool, "input": json.loads(text)}} if tool else {"text": text}
    return {"output": {"message": {"role": "assistant", "content": [block]}}, **body}


def _usage(input_tokens: int, output_tokens: int, cached: Cached | None) -> dict[str, int]:
    """Cached tokens are not part of `inputTokens`, but of the total."""
    if not cached:
        return _total({"inputTokens": input_tokens, "outputTokens": output_tokens})
    return _total(
        {
            "inputTokens": max(input_tokens - cached.read - cached.written, 0),
            "outputTokens": output_tokens,
            "cacheReadInputTokens": cached.read,
            "cacheWriteInputTokens": cached.written,
        }
    )


def _total(usage: dict[str, int]) -> dict[str, int]:
    return {**usage, "totalTokens": sum(usage.values())}


@dataclass(frozen=True)
class Inference:
    """`inferenceConfig` with its defaults."""

    max_tokens: int
    temperature: float
    top_p: float
    stop_sequences: list[str]


def _inference(config: Mapping[str, Any]) -> Inference:
    def number(name: str, low: float, high: float, default: float) -> float:
        value = config.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise invalid(f"Value '{value}' at 'inferenceConfig.{name}' must be between {low} and {high}.")
        return float(value)

    stops = config.get("stopSequences") or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
        raise invalid("Value at 'inferenceConfig.stopSequences' must be a list of strings.")
    return Inference(
        max_tokens=int(number("maxTokens", 1, _MAX_OUTPUT, 1024)),
        temperature=number("temperature", 0, 1, 0.2),
        top_p=number("topP", 0, 1, 0.95),
        stop_sequences=stops,
    )


def _check_additional(model: str, fields: Mapping[str, Any]) -> None:
    """Rejects fields that the model family does not have. Known fields have no effect."""
    family = next((name for name in _ADDITIONAL if name in model), "")
    unknown = sorted(set(fields) - _ADDITIONAL.get(family, set()))
    if family == "amazon.nova":
        unknown += sorted(set(fields.get("inferenceConfig") or {}) - {"topK"})
    if not unknown:
        return
    if family == "anthropic.claude":
        raise invalid(f"The model returned the following errors: {unknown[0]}: Extra inputs are not permitted")
    raise invalid(
        f"Malformed input request: #: extraneous key [{unknown[0]}] is not permitted, "
        "please reformat your input and try again."
    )


def _tools(config: Any) -> list[dict[str, Any]]:
    specs = [tool["toolSpec"] for tool in (config or {}).get("tools") or [] if "toolSpec" in tool]
    return [{"name": spec["name"], "schema": (spec.get("inputSchema") or {}).get("json") or {}} for spec in specs]


def _forced_tool(config: Any) -> dict[str, Any] | None:
    """The tool required by the request's tool choice, if any."""
    tools, choice = _tools(config), (config or {}).get("toolChoice") or {}
    if "any" in choice and tools:
        return tools[0]
    name = (choice.get("tool") or {}).get("name")
    if name and name not in {tool["name"] for tool in tools}:
        raise invalid(f"The tool choice names {name}, which is not among the tools.")
    return next((tool for tool in tools if tool["name"] == name), None) if name else None


def _free_tool(config: Any) -> dict[str, Any] | None:
    """With `auto`, a single tool is used, which is usually intended; with several, none is."""
    tools = _tools(config)
    return tools[0] if len(tools) == 1 else None


def _schema(config: Any) -> dict[str, Any] | None:
    form = (config or {}).get("textFormat") or {}
    if form.get("type") != "json_schema":
        return None
    text = ((form.get("structure") or {}).get("jsonSchema") or {}).get("schema")
    try:
        schema = json.loads(text or "")
    except ValueError as failure:
        raise invalid("The JSON schema in outputConfig is not valid JSON.") from failure
    if not isinstance(schema, dict):
        raise ModelError("ValidationException", "The JSON schema in outputConfig is not an object.")
    return schema


def _tool_use(name: str, value: Any) -> Answer:
    tool_use = {"toolUseId": f"tooluse_{uuid.uuid4().hex[:22]}", "name": name}
    return Answer(in_pieces(json.dumps(value, ensure_ascii=False)), "tool_use", tool=tool_use)


def _plain(block: Block) -> str:
    """A block's text content."""
    if "text" in block:
        return str(block["text"])
    if "guardContent" in block:
        return str((block["guardContent"].get("text") or {}).get("text", ""))
    if "toolUse" in block:
        return json.dumps(block["toolUse"].get("input", {}))
    if "toolResult" in block:
        parts = block["toolResult"].get("content") or []
        return "\n".join(part.get("text") or json.dumps(part.get("json", {})) for part in parts)
    return json.dumps(block) if "toolSpec" in block else ""
