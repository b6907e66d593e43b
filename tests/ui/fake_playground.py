"""The playground as the page sees it: some models, and completions that say who wrote them."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.ui.fake_api import Refusal

LITE, HAIKU, LLAMA = (
    "us.amazon.nova-lite-v1:0",
    "global.anthropic.claude-haiku-5-5",
    "us.meta.llama3-1-8b-instruct-v1:0",
)

REQUEST = "4b0c4d1e-58a4-4b6e-9d0f-2f7c0a6f1d11"


def model(invocation: str, name: str, provider: str, **more: Any) -> dict[str, Any]:
    """A row of `/models`; one without an invocation is not offered."""
    offered = {"invocationId": invocation, "offered": True} if "." in invocation else {"offered": False}
    return {
        "id": invocation.partition(".")[2] or invocation, "provider": provider, "family": "one", "name": name,
        "purpose": "text", "parameters": {}, "inputs": ["text"], "lifecycle": {"status": "active"}, **offered, **more,
    }  # fmt: skip


def models() -> list[dict[str, Any]]:
    price = {"asOf": "2025-11-01", "currency": "USD"}
    stops = {"min": 0, "max": 4}
    share = {"min": 0.0, "max": 1.0, "default": 0.9}
    return [
        model(
            LITE, "Nova Lite", "Amazon", price={**price, "inputPerMillion": 0.06, "outputPerMillion": 0.24},
            parameters={
                "temperature": {"min": 0.0, "max": 1.0, "default": 0.7}, "topP": share,
                "topK": {"min": 0, "max": 128}, "maxTokens": {"min": 1, "max": 5000, "default": 1000},
                "stopSequences": stops,
            },
        ),
        model(
            HAIKU, "Claude Haiku 5.5", "Anthropic",
            parameters={"maxTokens": {"min": 1, "max": 64000, "default": 1000}, "stopSequences": stops},
            lifecycle={"status": "active", "endOfLifeAt": "2099-10-07"},
        ),
        model(
            LLAMA, "Llama 3.1 8B Instruct", "Meta", price={**price, "inputPerMillion": 0.22, "outputPerMillion": 0.22},
            parameters={
                "temperature": {"min": 0.0, "max": 0.8, "default": 0.5}, "topP": share,
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
    """The playground."""

    url = ""

    def __init__(self) -> None:
        self.models = models()
        self.more: dict[str, Any] = {}
        """What tests want in the next completions."""
        self.errors: dict[str, Refusal] = {}
        """Model -> what it gets in a comparison."""
        self.pause = 0.0
        """Seconds between the pieces of a stream."""

    def list_models(self) -> dict[str, Any]:
        return {"items": self.models}

    def create_completion(self, body: Any) -> dict[str, Any]:
        return self._completion(body.model, body)

    def stream_completion(self, body: Any) -> Iterator[Any]:
        whole = self._completion(body.model, body)
        for word in whole["text"].split(" "):
            time.sleep(self.pause)
            yield f"{word} "
        yield whole

    def compare_completions(self, body: Any) -> dict[str, Any]:
        items = []
        for name in body.models:
            refusal = self.errors.get(name)
            error = refusal and {"code": refusal.code, "message": refusal.message, "requestId": REQUEST}
            items.append({"error": error} if error else {**self._completion(name, body), "requestId": REQUEST})
        return {"items": items}

    def _completion(self, name: str, body: Any) -> dict[str, Any]:
        row = next(one for one in self.models if one.get("invocationId") == name)
        defaults = {key: one["default"] for key, one in row["parameters"].items() if "default" in one}
        given = {key: one for key, one in msgspec.to_builtins(body.parameters or {}).items() if one is not None}
        return {
            "text": f"{row['name']} says: sunlight is scattered by the air, and blue light more than red.\n\nSo: blue.",
            "stopReason": "end_turn", "model": name, "usage": {"inputTokens": 24, "outputTokens": 31},
            "parameters": {**defaults, **given}, "latencyMs": 840, **self.more,
        }  # fmt: skip
