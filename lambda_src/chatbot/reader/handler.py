"""Entry point of the function that reads documents. It has no permissions but for its log."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from typing import Any

import msgspec

from lambda_src.chatbot.documents import ReadTask
from lambda_src.chatbot.reader.reading import read


def handler(event: dict[str, Any], _context: Any) -> Any:
    """A `ReadTask` in, a `ReadResult` out."""
    return msgspec.to_builtins(read(msgspec.convert(event, ReadTask)))


start.done()
