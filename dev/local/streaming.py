"""
ConverseStream through the emulator: the stand-in's events are handed on as they come, through a guardrail if the call
names one.

A guardrail works as in Bedrock's synchronous mode: text waits until a sentence is whole, is judged together with all
that went before, masked, and sent.
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
# Text that has no sentences, such as code, waits no longer than this.
_MAX_HELD = 600
_BROKEN = (OSError, http.client.HTTPException, BrokenStream)


class Blocked(Exception):
    """The guardrail does not let the text through."""


@dataclass(frozen=True)
class Intervention:
    """A guardrail's judgement of an output, and what the caller reads instead of a blocked one."""

    evaluate: Callable[[str], dict[str, Any]]
    message: str


class HeldText:
    """A text on its way through a guardrail."""

    def __init__(self, evaluate: Callable[[str], dict[str, Any]]) -> None:
        self._evaluate = evaluate
        self._judged = self._held = self._masked = ""

    def add(self, text: str) -> str:
        """Returns what may be sent now. Raises `Blocked`."""
        self._held += text
        found = _SENTENCE_END.match(self._held)
        if found:
            return self._release(found.end())
        return self._release(len(self._held)) if len(self._held) > _MAX_HELD else ""

    def rest(self) -> str:
        """Returns what waits, at the text's end. Raises `Blocked`."""
        return self._release(len(self._held))

    def _release(self, length: int) -> str:
        if not length:
            return ""
        part, self._held = self._held[:length], self._held[length:]
        self._judged += part
        judgement = self._evaluate(self._judged)
        if judgement["blocked"]:
            raise Blocked
        before, self._masked = self._masked, str(judgement["masked_text"])
        if self._masked.startswith(before):
            return self._masked[len(before) :]
        # A mask that begins in a sentence already sent: that one cannot be called back.
        return str(self._evaluate(part)["masked_text"])


def guarded(messages: Iterator[Message], intervention: Intervention) -> Iterator[bytes]:
    """The messages, text through the guardrail. If it blocks, the rest is not sent, but its tokens are."""
    held = HeldText(intervention.evaluate)
    try:
        yield from _released(messages, held)
    except Blocked:
        yield from _ending(intervention.message)
        yield from (message.encoded() for message in messages if message.kind == "metadata")


def _released(messages: Iterator[Message], held: HeldText) -> Iterator[bytes]:
    try:
        for message in messages:
            text = message.content["delta"].get("text") if message.kind == "contentBlockDelta" else None
            if text is not None:
                yield from _delta(held.add(text))
                continue
            yield from _delta(held.rest())
            yield message.encoded()
    except _BROKEN:
        # What the model had said before its stream broke was said.
        yield from _delta(held.rest())
        raise
    yield from _delta(held.rest())


def _delta(text: str) -> Iterator[bytes]:
    if text:
        yield eventstream.event("contentBlockDelta", {"delta": {"text": text}, "contentBlockIndex": 0})


def _ending(message: str) -> Iterator[bytes]:
    yield from _delta(message)
    yield eventstream.event("contentBlockStop", {"contentBlockIndex": 0})
    yield eventstream.event("messageStop", {"stopReason": "guardrail_intervened"})


def intervened(message: str, usage: dict[str, int]) -> bytes:
    """The whole stream of a call whose input is blocked."""
    start = eventstream.event("messageStart", {"role": "assistant"})
    end = eventstream.event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})
    return start + b"".join(_ending(message)) + end


class Relay:
    """Hands a stand-in's stream on until it ends, breaks, or the caller goes; runs as a `StreamingResponse` does."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        intervention: Intervention | None,
    ) -> None:
        self._connection = connection
        self._pieces = (
            guarded(eventstream.messages(response.read), intervention) if intervention else iter(response.read1, b"")
        )

    async def __call__(
        self, send: Callable[[dict[str, Any]], Awaitable[None]], receive: Callable[[], Awaitable[dict[str, Any]]]
    ) -> None:
        gone = asyncio.ensure_future(_gone(receive))
        try:
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(next, self._pieces, None))
                await asyncio.wait({step, gone}, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    await self._hang_up(step)
                    return
                piece = await step
                await send({"type": "http.response.body", "body": piece or b"", "more_body": piece is not None})
                if piece is None:
                    return
        except _BROKEN as failure:
            # Without a last piece the caller sees a broken stream, too.
            logger.info("a stream broke: %r", failure)
        finally:
            gone.cancel()
            self._connection.close()

    async def _hang_up(self, step: "asyncio.Future[bytes | None]") -> None:
        """Wakes the thread that waits for the next piece. The stand-in stops writing at its next one."""
        if self._connection.sock:
            with suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        await asyncio.gather(step, return_exceptions=True)


async def _gone(receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
