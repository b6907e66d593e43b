"""The embedding model of both sides: an answer after a fixed time, to as many callers at once as there are."""

import functools
import io
import json
import random
import time
import zlib
from typing import Any

SECONDS = 0.08
_NUMBERS = 200_000


@functools.cache
def _numbers(dimensions: int) -> bytes:
    """Many random numbers of one width. A vector is a part of them, so that making it costs next to nothing."""
    drawn = random.Random(dimensions)
    scale = dimensions**-0.5
    return b"".join(b"%+.8f," % drawn.gauss(0, scale) for _ in range(_NUMBERS)).replace(b"+", b" ")


def answer(text: str, dimensions: int, seconds: float = SECONDS) -> bytes:
    """Titan's JSON for a text: random, but for the same text always the same."""
    numbers = _numbers(dimensions)
    width = len(numbers) // _NUMBERS
    start = zlib.crc32(text.encode()) % (_NUMBERS - dimensions) * width
    time.sleep(seconds)
    vector = numbers[start : start + dimensions * width - 1]
    return b'{"embedding":[%b],"inputTextTokenCount":%d}' % (vector, len(text) // 4)


class Client:
    """A bedrock-runtime client."""

    def invoke_model(self, *, body: str, **_request: Any) -> dict[str, Any]:
        """InvokeModel of Titan Text Embeddings."""
        asked = json.loads(body)
        content = answer(asked["inputText"], asked["dimensions"])
        return {"body": io.BytesIO(content), "ResponseMetadata": {}}
