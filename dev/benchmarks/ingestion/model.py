"""A mock embedding model for both sides, with a fixed delay and unlimited concurrency."""

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
    """Random numbers with a fixed width. A vector is a slice of them, which is cheap to create."""
    generator = random.Random(dimensions)
    scale = dimensions**-0.5
    return b"".join(b"%+.8f," % generator.gauss(0, scale) for _ in range(_NUMBERS)).replace(b"+", b" ")


def answer(text: str, dimensions: int, seconds: float = SECONDS) -> bytes:
    """Titan's JSON for a text, with random but deterministic numbers."""
    numbers = _numbers(dimensions)
    width = len(numbers) // _NUMBERS
    start = zlib.crc32(text.encode()) % (_NUMBERS - dimensions) * width
    time.sleep(seconds)
    vector = numbers[start : start + dimensions * width - 1]
    return b'{"embedding":[%b],"inputTextTokenCount":%d}' % (vector, len(text) // 4)


class Client:
    """A mock bedrock-runtime client."""

    def invoke_model(self, *, body: str, **_request: Any) -> dict[str, Any]:
        """InvokeModel of Titan Text Embeddings."""
        request = json.loads(body)
        content = answer(request["inputText"], request["dimensions"])
        return {"body": io.BytesIO(content), "ResponseMetadata": {}}
