"""
Bedrock's runtime in the emulator: IAM and guardrails run here, the models in a separate process.

The emulator handles every request on one event loop, so slow work runs in its thread pool.
"""

import asyncio
import http.client
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from dev.local import eventstream, model_rules, seams, streaming
from dev.local.catalog import Catalog
from dev.local.iam import Answer, ModelAccess, error, guardrail_of, model_call
from dev.local.streaming import Intervention, Relay, trace_of

# Longer than the gateway's timeout; still detects a model process that hangs.
_MODELS_SECONDS = 120
_STREAM = "converse-stream"
_PASSED = ("content-type", "accept", "x-amzn-bedrock-accept")

# Patterns of content filters and the managed word list: enough to trigger a refusal, and not used in normal reports.
_CONTENT_FILTERS = {
    "VIOLENCE": r"\b(?:pipe bombs?|beheading|torture someone|kill (?:him|her|them|someone))\b",
    "MISCONDUCT": r"\b(?:build a bomb|make a bomb|cook meth|launder money)\b",
    "HATE": r"\b(?:ethnic cleansing|racial slurs?)\b",
    "SEXUAL": r"\b(?:pornograph\w+|explicit nud\w+)\b",
    "INSULTS": r"\b(?:worthless idiots?|you moron)\b",
}
_PROFANITY = r"\b(?:fuck\w*|shit\w*|asshole\w*)\b"

_NOTHING_USED = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
Evaluation = dict[str, Any]


def extended_evaluation(evaluate: Callable[[Any, str, str], Evaluation]) -> Callable[[Any, str, str], Evaluation]:
    """Adds content filters and the managed word list to the emulator's evaluation of words and personal data."""

    def extended(record: dict[str, Any], source: str, text: str) -> Evaluation:
        result = evaluate(record, source, text)
        strength = "inputStrength" if source == "INPUT" else "outputStrength"
        filters = [
            {
                "type": filter_type,
                "confidence": "HIGH",
                "filterStrength": entry[strength],
                "action": "BLOCKED",
                "detected": True,
            }
            for entry in (record.get("ContentPolicy") or {}).get("filtersConfig") or []
            if entry.get(strength, "NONE") != "NONE"
            and (filter_type := entry.get("type", "")) in _CONTENT_FILTERS
            and re.search(_CONTENT_FILTERS[filter_type], text, re.IGNORECASE)
        ]
        if filters:
            result["assessment"]["contentPolicy"] = {"filters": filters}
        lists = (record.get("WordPolicy") or {}).get("managedWordListsConfig") or []
        profane = re.search(_PROFANITY, text, re.IGNORECASE) if lists else None
        if profane:
            match = {"match": profane.group(0), "type": "PROFANITY", "action": "BLOCKED", "detected": True}
            result["assessment"].setdefault("wordPolicy", {})["managedWordLists"] = [match]
        result["blocked"] = bool(result["blocked"] or filters or profane)
        return result

    return extended


def guarded_text(content: dict[str, Any]) -> str:
    """The text of a Converse request that a guardrail evaluates.

    Of the system prompt, marked blocks only; of the messages, marked blocks if there are any, otherwise all text.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
    """
    messages = [block for turn in content.get("messages", []) for block in turn.get("content") or []]
    plain = [block["text"] for block in messages if isinstance(block, dict) and isinstance(block.get("text"), str)]
    return "\n".join([*_marked(content.get("system") or []), *(_marked(messages) or plain)])


def masked_request(content: dict[str, Any], evaluate: Callable[[str], Evaluation]) -> dict[str, Any]:
    """The request with personal data masked in the texts that the guardrail evaluates."""
    turns = content.get("messages", [])
    blocks = [block for turn in turns for block in turn.get("content") or [] if isinstance(block, dict)]
    marked = [block["guardContent"]["text"] for block in blocks if (block.get("guardContent") or {}).get("text")]
    for block in marked or [block for block in blocks if isinstance(block.get("text"), str)]:
        block["text"] = evaluate(block["text"])["masked_text"]
    return content


def _marked(blocks: list[Any]) -> list[str]:
    texts = [(block.get("guardContent") or {}).get("text", {}).get("text") for block in blocks if type(block) is dict]
    return [text for text in texts if text]


class Runtime:
    """Bedrock's runtime API as a service of the emulator."""

    def __init__(self, models_url: str, catalog: Catalog) -> None:
        self._models = urlsplit(models_url)
        self._catalog = catalog
        self._access = ModelAccess(catalog)
        self._original = seams.module("ministack.services.bedrock_runtime")
        self._emulated: Any = self._original.handle_request
        self._scope = seams.module("ministack.core.responses")

    def extend(self) -> None:
        """Replaces the emulator's runtime and its IAM checks for model calls."""
        self._access.extend()
        self._original._evaluate_guardrail = extended_evaluation(self._original._evaluate_guardrail)
        self._original.handle_request = self.handle

    async def handle(self, method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Answer:
        call = model_call(path)
        if method != "POST" or not call:
            answer: Answer = await self._emulated(method, path, headers, body, query)
            return answer
        refusal = self._access.refusal(path, headers, query, body)
        if refusal:
            return refusal
        model_id, operation = call
        return await asyncio.to_thread(self._answer, self._access.source(model_id), operation, headers, body)

    def _answer(self, identifier: str, operation: str, headers: dict[str, str], body: bytes) -> Answer:
        model = self._catalog.model(identifier)
        if not model:
            return error("ValidationException", "The provided model identifier is invalid.", 400)
        model_id, row = model
        region = self._scope.get_region()
        profile = self._catalog.profile(identifier)
        if profile and region not in profile.destinations:
            return error("ValidationException", "The provided model identifier is invalid.", 400)
        if not profile and region not in row["regions"]:
            return _not_here(model_id, bool(row["profiles"]))
        if operation in ("converse", _STREAM):
            request = json.loads(body)
            if refused := model_rules.refusal(model_id, row, request):
                return error("ValidationException", refused, 400)
            thoughts = model_rules.thoughts(row, request)
            limit = (request.get("inferenceConfig") or {}).get("maxTokens", row["maxTokens"])
            if thoughts >= limit:
                return _only_thoughts(operation, limit)
            if thoughts:
                request.setdefault("inferenceConfig", {})["maxTokens"] = limit - thoughts
                body = json.dumps(request).encode()
        named = guardrail_of(headers, operation, body)
        if not named:
            return self._forward(model_id, operation, headers, body)
        guardrail = self._original._resolve_guardrail(*named)
        if guardrail is None:
            return error(
                "ValidationException",
                "The guardrail identifier or version provided in the request does not exist.",
                400,
            )
        if operation not in ("converse", _STREAM):
            return self._forward(model_id, operation, headers, body)
        request = json.loads(body)
        evaluate_input = partial(self._original._evaluate_guardrail, guardrail, "INPUT")
        traced = request["guardrailConfig"].get("trace") in ("enabled", "enabled_full")
        evaluation = evaluate_input(guarded_text(request))
        if evaluation["blocked"]:
            message = _message(guardrail, "BlockedInputMessaging")
            trace = trace_of(named[0], "inputAssessment", evaluation["assessment"]) if traced else {}
            if operation == _STREAM:
                stream = streaming.intervened(message, _NOTHING_USED, trace)
                return 200, {"Content-Type": eventstream.CONTENT_TYPE}, stream
            return _intervened(message, _NOTHING_USED, trace)
        input_assessment = None
        if evaluation["anonymized"]:
            input_assessment = evaluation["assessment"]
            body = json.dumps(masked_request(request, evaluate_input)).encode()
        if operation == _STREAM:
            evaluate = partial(self._original._evaluate_guardrail, guardrail, "OUTPUT")
            intervention = Intervention(
                evaluate,
                _message(guardrail, "BlockedOutputsMessaging"),
                named[0] if traced else None,
                input_assessment,
            )
            return self._forward(model_id, operation, headers, body, intervention)
        status, answer_headers, raw = self._guarded(guardrail, named[0] if traced else None, model_id, headers, body)
        if status == 200 and traced and input_assessment:
            answer = json.loads(raw)
            known = answer.setdefault("trace", {}).setdefault("guardrail", {})
            known["inputAssessment"] = {named[0]: input_assessment}
            raw = json.dumps(answer).encode()
        return status, answer_headers, raw

    def _guarded(
        self,
        guardrail: dict[str, Any],
        traced: str | None,
        model_id: str,
        headers: dict[str, str],
        body: bytes,
    ) -> Answer:
        """`traced` is the guardrail's id for the trace; None without one. A tool's input is not assessed, as on AWS."""
        status, response_headers, raw = self._forward(model_id, "converse", headers, body)
        if status != 200:
            return status, response_headers, raw
        answer = json.loads(raw)
        masked: list[dict[str, Any]] = []
        for block in answer["output"]["message"]["content"]:
            if "text" not in block:
                continue
            evaluation = self._original._evaluate_guardrail(guardrail, "OUTPUT", block["text"])
            if evaluation["blocked"]:
                trace = trace_of(traced, "outputAssessments", [evaluation["assessment"]]) if traced else {}
                return _intervened(_message(guardrail, "BlockedOutputsMessaging"), answer["usage"], trace)
            if evaluation["masked_text"] != block["text"]:
                masked.append(evaluation["assessment"])
            block["text"] = evaluation["masked_text"]
        if masked:
            # Bedrock reports an intervention for masked text, too.
            answer["stopReason"] = "guardrail_intervened"
            answer |= trace_of(traced, "outputAssessments", masked) if traced else {}
        return status, response_headers, json.dumps(answer).encode()

    def _forward(
        self,
        model_id: str,
        operation: str,
        headers: dict[str, str],
        body: bytes,
        intervention: Intervention | None = None,
    ) -> Answer:
        """Returns the local model's response; a stream's body is an emulator `StreamingResponse`."""
        connection = http.client.HTTPConnection(self._models.hostname or "", self._models.port, timeout=_MODELS_SECONDS)
        relay: Relay | None = None
        try:
            passed = {name: headers[name] for name in _PASSED if name in headers}
            connection.request("POST", f"/model/{quote(model_id, safe='')}/{operation}", body, passed)
            response = connection.getresponse()
            response_headers = {
                name: value
                for name, value in response.getheaders()
                if name.lower() in ("content-type", "retry-after") or name.lower().startswith("x-amzn-")
            }
            if response.status == 200 and operation == _STREAM:
                relay = Relay(connection, response, intervention)
                return 200, response_headers, self._scope.StreamingResponse(relay)
            return response.status, response_headers, response.read()
        except OSError as failure:
            return error("ServiceUnavailableException", f"The local models do not respond: {failure}", 503)
        finally:
            if not relay:
                connection.close()


def _not_here(model_id: str, has_profiles: bool) -> Answer:
    if has_profiles:
        message = (
            f"Invocation of model ID {model_id} with on-demand throughput isn't supported. Retry your request with "
            "the ID or ARN of an inference profile that contains this model."
        )
        return error("ValidationException", message, 400)
    return error("ValidationException", "The provided model identifier is invalid.", 400)


def _message(guardrail: dict[str, Any], name: str) -> str:
    return str(guardrail.get(name) or "Blocked by guardrail.")


def _only_thoughts(operation: str, limit: int) -> Answer:
    """The answer of a model whose thoughts have used up the limit: it has no text."""
    usage = {"inputTokens": 1, "outputTokens": limit, "totalTokens": limit + 1}
    if operation == _STREAM:
        return 200, {"Content-Type": eventstream.CONTENT_TYPE}, streaming.thoughts_only(usage)
    thought = {"reasoningContent": {"reasoningText": {"text": "(simulated thoughts)"}}}
    answer = {
        "output": {"message": {"role": "assistant", "content": [thought]}},
        "stopReason": "max_tokens",
        "usage": usage,
        "metrics": {"latencyMs": 1},
    }
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def _intervened(message: str, usage: dict[str, int], trace: dict[str, Any]) -> Answer:
    answer = {
        **trace,
        "output": {"message": {"role": "assistant", "content": [{"text": message}]}},
        "stopReason": "guardrail_intervened",
        "usage": usage,
        "metrics": {"latencyMs": 1},
    }
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
