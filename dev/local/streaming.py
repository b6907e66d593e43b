"""
ConverseStream through the emulator: relays the local model's events, through a guardrail if the call names one.

Guardrails work as in Bedrock's synchronous mode: text is held until the end of its sentence, evaluated together with
everything before it, masked, and sent.
"""

import asyncio
import http.client
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dev.local import eventstream
from dev.local.eventstream import BrokenStream, Message

logger = logging.getLogger("dev.local.streaming")

_SENTENCE_END = re.compile(r"(?s:.*)(?:[.!?][\"')\]]*\s|\n)")
# Text without sentences, such as code, is held up to this length.
_MAX_HELD = 600
_BROKEN = (OSError, http.client.HTTPException, BrokenStream)


class Blocked(Exception):
    """The guardrail blocks the text."""


@dataclass(frozen=True)
class Intervention:
    """
    A guardrail's evaluation of an output, and the message that replaces a blocked output. `traced` is the guardrail's
    id for the trace; None without one. `input_assessment` is set if the input was masked.
    """

    evaluate: Callable[[str], dict[str, Any]]
    message: str
    traced: str | None = None
    input_assessment: dict[str, Any] | None = None


class HeldText:
    """Text that a guardrail has not released yet."""

    def __init__(self, evaluate: Callable[[str], dict[str, Any]]) -> None:
        self._evaluate = evaluate
        self._evaluated = self._held = self._masked = ""
        self.assessment: dict[str, Any] = {}
        self.has_masked = self.is_blocked = False

    def add(self, text: str) -> str:
        """Returns the text that can be sent now. Raises `Blocked`."""
        self._held += text
        sentences = _SENTENCE_END.match(self._held)
        if sentences:
            return self._release(sentences.end())
        return self._release(len(self._held)) if len(self._held) > _MAX_HELD else ""

    def flush(self) -> str:
        """Returns the held text at the end of a block. Raises `Blocked`."""
        return self._release(len(self._held))

    def _release(self, length: int) -> str:
        if not length:
            return ""
        part, self._held = self._held[:length], self._held[length:]
        self._evaluated += part
        evaluation = self._evaluate(self._evaluated)
        self.assessment = evaluation.get("assessment", {})
        if evaluation["blocked"]:
            self.is_blocked = True
            raise Blocked
        self.has_masked = evaluation["masked_text"] != self._evaluated
        sent, self._masked = self._masked, str(evaluation["masked_text"])
        if self._masked.startswith(sent):
            return self._masked[len(sent) :]
        # The mask starts in a sentence that has been sent and can't be recalled.
        return str(self._evaluate(part)["masked_text"])


def guarded(messages: Iterator[Message], intervention: Intervention) -> Iterator[bytes]:
    """Encodes the messages with masked text. A blocked stream ends with the guardrail's message and the token usage."""
    held = HeldText(intervention.evaluate)
    try:
        yield from _released(messages, held, intervention)
    except Blocked:
        yield from _ending(intervention.message)
        for message in messages:
            if message.event_type == "metadata":
                yield eventstream.event("metadata", {**message.content, **_trace(held, intervention)})


def _trace(held: HeldText, intervention: Intervention) -> dict[str, Any]:
    guardrail = intervention.traced
    if guardrail is None:
        return {}
    kinds: dict[str, Any] = {}
    if intervention.input_assessment:
        kinds["inputAssessment"] = {guardrail: intervention.input_assessment}
    if held.has_masked or held.is_blocked:
        kinds["outputAssessments"] = {guardrail: [held.assessment]}
    return {"trace": {"guardrail": kinds}} if kinds else {}


def trace_of(guardrail: str, kind: str, assessment: Any) -> dict[str, Any]:
    """Converse's trace; `kind` is `inputAssessment` or `outputAssessments`."""
    return {"trace": {"guardrail": {kind: {guardrail: assessment}}}}


def _released(messages: Iterator[Message], held: HeldText, intervention: Intervention) -> Iterator[bytes]:
    try:
        for message in messages:
            text = message.content["delta"].get("text") if message.event_type == "contentBlockDelta" else None
            if text is not None:
                yield from _delta(held.add(text))
                continue
            yield from _delta(held.flush())
            if held.has_masked and message.event_type == "messageStop":
                # Bedrock reports an intervention for masked text, too.
                yield eventstream.event("messageStop", {"stopReason": "guardrail_intervened"})
            elif message.event_type == "metadata":
                yield eventstream.event("metadata", {**message.content, **_trace(held, intervention)})
            else:
                yield message.encoded()
    except _BROKEN:
        # The text that arrived before the failure is part of the answer.
        yield from _delta(held.flush())
        raise
    yield from _delta(held.flush())


def _delta(text: str) -> Iterator[bytes]:
    if text:
        yield eventstream.event("contentBlockDelta", {"delta": {"text": text}, "contentBlockIndex": 0})


def _ending(message: str) -> Iterator[bytes]:
    yield from _delta(message)
    yield eventstream.event("contentBlockStop", {"contentBlockIndex": 0})
    yield eventstream.event("messageStop", {"stopReason": "guardrail_intervened"})


def intervened(message: str, usage: dict[str, int], trace: dict[str, Any]) -> bytes:
    """The complete stream of a call whose input is blocked."""
    start = eventstream.event("messageStart", {"role": "assistant"})
    end = eventstream.event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}, **trace})
    return start + b"".join(_ending(message)) + end


def thoughts_only(usage: dict[str, int]) -> bytes:
    """The complete stream of an answer whose limit was used up by thoughts."""
    thought = {"delta": {"reasoningContent": {"text": "(simulated thoughts)"}}, "contentBlockIndex": 0}
    return b"".join(
        [
            eventstream.event("messageStart", {"role": "assistant"}),
            eventstream.event("contentBlockDelta", thought),
            eventstream.event("contentBlockStop", {"contentBlockIndex": 0}),
            eventstream.event("messageStop", {"stopReason": "max_tokens"}),
            eventstream.event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}),
        ]
    )


class Relay:
    """Body of a `StreamingResponse`: relays a model's stream until it ends, breaks, or the caller disconnects."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        intervention: Intervention | None,
    ) -> None:
        self._connection = connection
        pieces = iter(response.read1, b"")
        self._pieces = guarded(eventstream.messages(pieces), intervention) if intervention else pieces

    async def __call__(
        self, send: Callable[[dict[str, Any]], Awaitable[None]], receive: Callable[[], Awaitable[dict[str, Any]]]
    ) -> None:
        disconnected = asyncio.ensure_future(_disconnected(receive))
        try:
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(next, self._pieces, None))
                await asyncio.wait({step, disconnected}, return_when=asyncio.FIRST_COMPLETED)
                if disconnected.done():
                    await self._close(step)
                    return
                piece = await step
                await send({"type": "http.response.body", "body": piece or b"", "more_body": piece is not None})
                if piece is None:
                    return
        except _BROKEN as failure:
            # Without a final piece the caller sees a broken stream as well.
            logger.info("a stream broke: %r", failure)
        finally:
            disconnected.cancel()
            self._connection.close()

    async def _close(self, step: "asyncio.Future[bytes | None]") -> None:
        """Wakes the thread that reads the next piece. The local model stops at its next write."""
        if self._connection.sock:
            with suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        await asyncio.gather(step, return_exceptions=True)


async def _disconnected(receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
