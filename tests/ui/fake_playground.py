"""A fake of the playground: some models, and completions that name their model."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.ui.browser import TIMEOUT_SECONDS
from tests.ui.fake_api import ErrorResponse

LITE, HAIKU, LLAMA = (
    "us.amazon.nova-lite-v1:0",
    "global.anthropic.claude-haiku-5-5",
    "us.meta.llama3-1-8b-instruct-v1:0",
)

REQUEST_ID = "4b0c4d1e-58a4-4b6e-9d0f-2f7c0a6f1d11"


def model(invocation_id: str, name: str, provider: str, **fields: Any) -> dict[str, Any]:
    """An item of `/models`. It is offered if its id has a prefix."""
    offered = {"invocationId": invocation_id, "offered": True} if "." in invocation_id else {"offered": False}
    return {
        "id": invocation_id.partition(".")[2] or invocation_id, "provider": provider, "family": "one", "name": name,
        "purpose": "text", "parameters": {}, "inputs": ["text"], "lifecycle": {"status": "active"}, **offered, **fields,
    }  # fmt: skip


def models() -> list[dict[str, Any]]:
    price = {"asOf": "2025-11-01", "currency": "USD"}
    stop_sequences = {"min": 0, "max": 4}
    top_p = {"min": 0.0, "max": 1.0, "default": 0.9}
    return [
        model(
            LITE, "Nova Lite", "Amazon", price={**price, "inputPerMillion": 0.06, "outputPerMillion": 0.24},
            parameters={
                "temperature": {"min": 0.0, "max": 1.0, "default": 0.7}, "topP": top_p,
                "topK": {"min": 0, "max": 128}, "maxTokens": {"min": 1, "max": 5000, "default": 1000},
                "stopSequences": stop_sequences,
            },
        ),
        model(
            HAIKU, "Claude Haiku 5.5", "Anthropic",
            parameters={"maxTokens": {"min": 1, "max": 64000, "default": 1000}, "stopSequences": stop_sequences},
            lifecycle={"status": "active", "endOfLifeAt": "2099-10-07"},
        ),
        model(
            LLAMA, "Llama 3.1 8B Instruct", "Meta", price={**price, "inputPerMillion": 0.22, "outputPerMillion": 0.22},
            parameters={
                "temperature": {"min": 0.0, "max": 0.8, "default": 0.5}, "topP": top_p,
                "maxTokens": {"min": 1, "max": 2048, "default": 512},
            },
            lifecycle={"status": "legacy", "legacyAt": "2026-05-01", "endOfLifeAt": "2099-01-15"},
        ),
        model(
            "claude-3-haiku", "Claude 3 Haiku", "Anthropic",
            lifecycle={"status": "ended", "endOfLifeAt": "2026-09-10"},
        ),
        model(
            "nova-canvas", "Nova Canvas", "Amazon", purpose="image", price={**price, "perImage": 0.04},
            lifecycle={"status": "ended", "endOfLifeAt": "2026-09-30"},
        ),
        model(
            "us.amazon.titan-embed-text-v2:0", "Titan Text Embeddings V2", "Amazon", purpose="embedding",
            price={**price, "inputPerMillion": 0.02},
        ),
    ]  # fmt: skip


class Playground:
    """The playground. Comparisons and streams have the same completions."""

    url = ""

    def __init__(self) -> None:
        self.models = models()
        self.completion_fields: dict[str, Any] = {}
        """Replace fields of the next completions."""
        self.errors: dict[str, ErrorResponse] = {}
        """The errors of models."""
        self.pause = 0.0
        """Seconds between the pieces of a stream."""
        self.end: threading.Event | None = None
        """A stream waits for it before its last event."""

    def list_models(self) -> dict[str, Any]:
        return {"items": self.models}

    def create_completion(self, body: Any) -> dict[str, Any]:
        return self._completion(body.model, body)

    def stream_completion(self, body: Any) -> Iterator[Any]:
        if body.model in self.errors:
            raise self.errors[body.model]
        completion = self._completion(body.model, body)
        for word in completion["text"].split(" "):
            time.sleep(self.pause)
            yield f"{word} "
        if self.end:
            self.end.wait(TIMEOUT_SECONDS)
        yield completion

    def compare_completions(self, body: Any) -> dict[str, Any]:
        items = []
        for name in body.models:
            response = self.errors.get(name)
            error = response and {"code": response.code, "message": response.message, "requestId": REQUEST_ID}
            items.append({"error": error} if error else {**self._completion(name, body), "requestId": REQUEST_ID})
        return {"items": items}

    def _completion(self, name: str, body: Any) -> dict[str, Any]:
        item = next(item for item in self.models if item.get("invocationId") == name)
        defaults = {key: limits["default"] for key, limits in item["parameters"].items() if "default" in limits}
        builtins = msgspec.to_builtins(body.parameters or {})
        parameters = {key: value for key, value in builtins.items() if value is not None}
        return {
            "text": f"{item['name']} says: the air scatters sunlight, and blue light more than red.\n\nSo: blue.",
            "stopReason": "end_turn", "model": name, "usage": {"inputTokens": 24, "outputTokens": 31},
            "parameters": {**defaults, **parameters}, "latencyMs": 840, **self.completion_fields,
        }  # fmt: skip
