"""Converse: checks a request as Bedrock does, has the answer written, and puts it in Bedrock's form."""

import base64
import binascii
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.models import citing, sight
from local.models.citing import Numbered
from local.models.errors import ModelError, invalid
from local.models.runtimes import Runtimes
from local.models.simulate import Simulator, without_markers
from local.models.structured import Filler

_FORMATS = {"png", "jpeg", "gif", "webp"}
_MAX_IMAGE_BYTES = 3_750_000
_MAX_IMAGES = 20
# Whatever is asked for, the gateway waits 29 seconds, and two cores write about 100 tokens a second.
_WRITTEN_TOKENS = 400
_PROMPT_CHARACTERS = 9_000
_REFUSAL = "I can't help with that request."
_MAX_OUTPUT = 64_000
# Families that have parameters besides `inferenceConfig`, by what stands in the model's id.
_ADDITIONAL = {"anthropic.claude": {"top_k", "thinking", "anthropic_beta"}, "amazon.nova": {"inferenceConfig"}}
# Blocks, stop reason, and the output tokens where the language model counted them itself, else 0.
Content = tuple[list[dict[str, Any]], str, int]


@dataclass
class Conversation:
    """A request's content in plain form."""

    turns: list[dict[str, str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    image_tokens: int = 0
    has_tool_result: bool = False
    numbered: Numbered | None = None

    @property
    def source(self) -> str:
        """What the user gave, all turns: a repair's request keeps the first one's text in sight."""
        return "\n\n".join(turn["content"] for turn in self.turns if turn["role"] == "user")


@dataclass(frozen=True)
class Answer:
    """`usage` as Bedrock counts it; `text` is what was written, for the call log."""

    body: dict[str, Any]
    input_tokens: int
    output_tokens: int


class Converser:
    """Bedrock's Converse over the small models."""

    def __init__(self, runtimes: Runtimes, simulator: Simulator) -> None:
        self._runtimes = runtimes
        self._simulator = simulator

    def converse(self, model: str, request: Mapping[str, Any]) -> Answer:
        """Raises `ModelError`."""
        begun = time.perf_counter()
        _check_additional(model, request.get("additionalModelRequestFields") or {})
        conversation = self._read(request)
        system = "\n".join(block["text"] for block in request.get("system") or [] if "text" in block)
        config = _inference(request.get("inferenceConfig") or {})
        asked = self._simulator.apply(conversation.source)
        content, stop, counted = self._answer(request, conversation, system, config, asked)
        embedder = self._runtimes.embedder
        written = "".join(_written(block) for block in content)
        tools = json.dumps(request["toolConfig"]) if request.get("toolConfig") else ""
        schema = json.dumps(request["outputConfig"]) if request.get("outputConfig") else ""
        prompt = "\n".join([system, tools, schema, *(turn["content"] for turn in conversation.turns)])
        input_tokens = embedder.count(prompt) + conversation.image_tokens
        output_tokens = counted or (embedder.count(written) if written else 0)
        body = {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": stop,
            "usage": {
                "inputTokens": input_tokens,
                "outputTokens": output_tokens,
                "totalTokens": input_tokens + output_tokens,
            },
            "metrics": {"latencyMs": round((time.perf_counter() - begun) * 1000)},
        }
        return Answer(body, input_tokens, output_tokens)

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
                # A later turn without numbers asks for a repair; it does not take the sentences away.
                conversation.numbered = citing.read(list(map(without_markers, texts))) or conversation.numbered
        return conversation

    def _block(self, block: Mapping[str, Any], conversation: Conversation) -> str:
        if "text" in block:
            if not isinstance(block["text"], str) or not block["text"].strip():
                raise invalid("The text field in the ContentBlock object is blank. Add text to the text field.")
            return block["text"]
        if "guardContent" in block:
            return str(block["guardContent"].get("text", {}).get("text", ""))
        if "image" in block:
            self._image(block["image"], conversation)
            return ""
        if "toolUse" in block:
            return json.dumps(block["toolUse"].get("input", {}))
        if "toolResult" in block:
            conversation.has_tool_result = True
            parts = block["toolResult"].get("content") or []
            return "\n".join(part.get("text") or json.dumps(part.get("json", {})) for part in parts)
        if "cachePoint" in block:
            return ""
        raise invalid(f"The model doesn't support the content block {sorted(block)}.")

    @staticmethod
    def _image(image: Mapping[str, Any], conversation: Conversation) -> None:
        kind, source = image.get("format"), image.get("source") or {}
        if kind not in _FORMATS:
            raise invalid(f"Image format {kind} is not supported.")
        try:
            data = base64.b64decode(source.get("bytes") or "", validate=True)
        except (binascii.Error, ValueError) as failure:
            raise invalid("The image's bytes are not base64.") from failure
        if not data or len(data) > _MAX_IMAGE_BYTES * 2:
            raise invalid("Image size is not within the limits.")
        if len(conversation.images) >= _MAX_IMAGES:
            raise invalid("Too many images in the request.")
        conversation.images.append(sight.describe(data, str(kind)))
        conversation.image_tokens += sight.tokens(data)

    def _answer(
        self, request: Mapping[str, Any], conversation: Conversation, system: str, config: "Inference", asked: set[str]
    ) -> Content:
        if "refusal" in asked:
            return [{"text": _REFUSAL}], "content_filtered", 0
        tool = _forced_tool(request.get("toolConfig"))
        schema = tool["schema"] if tool else _schema(request.get("outputConfig"))
        if schema is None and not conversation.has_tool_result:
            free = _free_tool(request.get("toolConfig"))
            tool, schema = (free, free["schema"]) if free else (None, None)
        if schema is None:
            return self._write(conversation, system, config, asked)
        if "invalid-json" in asked:
            broken: Any = {"unexpected": "simulated"}
            if tool:
                return [_tool_use(tool["name"], broken)], "tool_use", 0
            return [{"text": '{"title": "cut off'}], "end_turn", 0
        filler = Filler(self._runtimes)
        source = without_markers(conversation.source)
        value = filler.fill(schema, source, conversation.images, system, conversation.numbered)
        if tool:
            return [_tool_use(tool["name"], value)], "tool_use", 0
        text = json.dumps(value, ensure_ascii=False)
        if self._runtimes.embedder.count(text) > config.max_tokens:
            return [{"text": text[: config.max_tokens * 3]}], "max_tokens", config.max_tokens
        return [{"text": text}], "end_turn", 0

    def _write(self, conversation: Conversation, system: str, config: "Inference", asked: set[str]) -> Content:
        if "invalid-json" in asked:
            return [{"text": "Here is what I found, in my own words."}], "end_turn", 0
        messages = [{"role": "system", "content": system[:2000]}] if system else []
        seen = "\n".join(conversation.images)
        for turn in conversation.turns[-8:]:
            messages.append({"role": turn["role"], "content": without_markers(turn["content"])[:_PROMPT_CHARACTERS]})
        if seen:
            messages[-1]["content"] = f"{seen}\n{messages[-1]['content']}".strip()
        written = self._runtimes.writer.chat(
            messages,
            max_tokens=min(config.max_tokens, _WRITTEN_TOKENS),
            temperature=config.temperature,
            top_p=config.top_p,
        )
        # Stopped here and not by the runtime: Bedrock says which way an answer ended.
        text, stop = written.text.strip(), "end_turn" if written.finish == "stop" else "max_tokens"
        for sequence in config.stop_sequences:
            if sequence in text:
                text, stop = text.split(sequence, 1)[0], "stop_sequence"
        return [{"text": text or "..."}], stop, written.output_tokens


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
        raise invalid("Value at 'inferenceConfig.stopSequences' must be a list of texts.")
    return Inference(
        max_tokens=int(number("maxTokens", 1, _MAX_OUTPUT, 1024)),
        temperature=number("temperature", 0, 1, 0.2),
        top_p=number("topP", 0, 1, 0.95),
        stop_sequences=stops,
    )


def _check_additional(model: str, given: Mapping[str, Any]) -> None:
    """A family's own parameters change nothing here, but one that it does not have is refused in its words."""
    family = next((name for name in _ADDITIONAL if name in model), "")
    unknown = sorted(set(given) - _ADDITIONAL.get(family, set()))
    if family == "amazon.nova":
        unknown += sorted(set(given.get("inferenceConfig") or {}) - {"topK"})
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
    """The tool that the request's tool choice leaves no way around."""
    tools, choice = _tools(config), (config or {}).get("toolChoice") or {}
    if "any" in choice and tools:
        return tools[0]
    name = (choice.get("tool") or {}).get("name")
    if name and name not in {tool["name"] for tool in tools}:
        raise invalid(f"The tool choice names {name}, which is not among the tools.")
    return next((tool for tool in tools if tool["name"] == name), None) if name else None


def _free_tool(config: Any) -> dict[str, Any] | None:
    """With `auto`, the only tool is taken: who offers one usually wants it used. With several, none is."""
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


def _tool_use(name: str, value: Any) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": f"tooluse_{uuid.uuid4().hex[:22]}", "name": name, "input": value}}


def _written(block: Mapping[str, Any]) -> str:
    return str(block["text"]) if "text" in block else json.dumps(block["toolUse"]["input"], ensure_ascii=False)
