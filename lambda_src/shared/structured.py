"""Structured answers from text models: requested by schema, tool or prompt, validated, and repaired if necessary."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from lambda_src.shared.bedrock import CUT_REASONS, Bedrock
from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import ModelFailed
from lambda_src.shared.observability import logger

REPAIRS = 2
# The least time left for which a repair is started.
REPAIR_SECONDS = 4.0
TOOL = "answer"
# Bedrock's schema field refuses these. The answer is validated against them all the same.
UNSUPPORTED_KEYWORDS = {
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "pattern",
    "title",
    "default",
}

Check = Callable[[Any], str | None]


def schema_of(answer_type: type) -> dict[str, Any]:
    """The JSON Schema for models: nested types inlined, objects closed, no keywords that Bedrock refuses."""
    full_schema = msgspec.json.schema(answer_type)
    schema: dict[str, Any] = _simplify(full_schema, full_schema["$defs"])
    return schema


def _simplify(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_simplify(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _simplify(definitions[node["$ref"].rpartition("/")[2]], definitions)
    simplified: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            simplified[key] = {name: _simplify(child, definitions) for name, child in value.items()}
            simplified["additionalProperties"] = False
        elif key not in UNSUPPORTED_KEYWORDS and key != "$defs":
            simplified[key] = _simplify(value, definitions)
    return simplified


def ask(
    bedrock: Bedrock,
    context: Context,
    invocation: Invocation,
    *,
    system: str,
    content: list[dict[str, Any]],
    answer_type: type,
    max_tokens: int,
    check: Check = lambda answer: None,
    caller_instructions: str | None = None,
) -> Any:
    """The model's answer as `answer_type`.

    `caller_instructions` end the system prompt; the guardrail assesses them, unlike `system`.

    `check` returns what else is wrong with an answer, or None. When no attempt has the type, raises `ModelFailed`. An
    answer that has the type but fails `check` to the end is returned, for the caller to fix.
    """
    request = _request(invocation, schema_of(answer_type), system, max_tokens)
    # Of a tool's arguments, Converse's guardrail assesses nothing.
    # https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
    unassessed = "toolConfig" in request
    if caller_instructions:
        request["system"].append(bedrock.text_block(caller_instructions))
    messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
    best: Any = None
    for attempt in range(REPAIRS + 1):
        if attempt and context.deadline.seconds_left < REPAIR_SECONDS:
            break
        answer = bedrock.converse(context, invocation, {**request, "messages": messages})
        message = answer["output"]["message"]
        try:
            best = msgspec.convert(_parse_object(message), answer_type)
            problem = check(best)
        except (msgspec.ValidationError, ValueError) as error:
            cut = " It was cut off: be shorter." if answer.get("stopReason") in CUT_REASONS else ""
            problem = f"{error}.{cut}"
        if problem is None:
            break
        logger.info("repairing model answer", request_id=context.request_id, attempt=attempt)
        messages = [
            *messages,
            _assistant_turn(message),
            {"role": "user", "content": [_repair_request(message, problem)]},
        ]
    if best is None:
        raise ModelFailed("The model's answer is unusable.")
    return _screened(bedrock, context, best, answer_type) if unassessed and bedrock.guarded else best


def _screened(bedrock: Bedrock, context: Context, answer: Any, answer_type: type) -> Any:
    """The answer with its texts after the guardrail. Raises `Refused`, and `ModelFailed` if masking breaks its type."""
    plain = msgspec.to_builtins(answer)
    texts = list(_texts(plain))
    screened = iter(bedrock.screen(context, *texts, source="OUTPUT"))
    try:
        return msgspec.convert(_replaced(plain, screened), answer_type)
    except msgspec.ValidationError:
        # Raised `from None`: the error may quote the answer, and a log has the causes of exceptions.
        raise ModelFailed("The model's answer is unusable.") from None


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _texts(child)


def _replaced(node: Any, texts: Iterator[str]) -> Any:
    """The node with its texts replaced, in the order of `_texts`."""
    if isinstance(node, str):
        return next(texts)
    if isinstance(node, dict):
        return {name: _replaced(child, texts) for name, child in node.items()}
    return [_replaced(child, texts) for child in node] if isinstance(node, list) else node


def _request(invocation: Invocation, schema: dict[str, Any], system: str, max_tokens: int) -> dict[str, Any]:
    model = invocation.model
    request: dict[str, Any] = {"inferenceConfig": {"maxTokens": max_tokens}}
    if "temperature" in model.parameters:
        request["inferenceConfig"]["temperature"] = 0.0
    if model.structured_output == "native":
        definition = {"schema": json.dumps(schema), "name": TOOL}
        request["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}
    elif model.structured_output == "tool":
        tool = {"name": TOOL, "description": "Give the answer.", "inputSchema": {"json": schema}}
        choice = {"tool": {"name": TOOL}} if model.forced_tool else {"auto": {}}
        request["toolConfig"] = {"tools": [{"toolSpec": tool}], "toolChoice": choice}
    else:
        system = f"{system}\n\nAnswer with one JSON object and nothing else. Its JSON Schema:\n{json.dumps(schema)}"
    request["system"] = [{"text": system}]
    return request


def _parse_object(message: dict[str, Any]) -> Any:
    """The object in a message: a tool's input, or the JSON in its text. Raises `ValueError`."""
    for block in message.get("content", []):
        if "toolUse" in block:
            return block["toolUse"]["input"]
    text = "".join(block.get("text", "") for block in message.get("content", []))
    start = text.find("{")
    if start < 0:
        raise ValueError("The answer holds no JSON object")
    return json.JSONDecoder().raw_decode(text, start)[0]


def _assistant_turn(message: dict[str, Any]) -> dict[str, Any]:
    # Bedrock refuses empty text in a request.
    content = [block for block in message.get("content", []) if block.get("text", "x").strip()]
    return {"role": "assistant", "content": content or [{"text": "(no answer)"}]}


def _repair_request(message: dict[str, Any], problem: str) -> dict[str, Any]:
    text = f"That answer cannot be used: {problem} Give the whole answer again, corrected."
    for block in message.get("content", []):
        if "toolUse" in block:
            result = {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": text}], "status": "error"}
            return {"toolResult": result}
    return {"text": text}
