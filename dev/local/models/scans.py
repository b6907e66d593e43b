"""Textract's DetectDocumentText with PP-OCRv6: recognizes the text of a page image."""

import base64
import binascii
import io
import re
import threading
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from dev.local.models.errors import ModelError
from dev.local.models.runtimes import threads

_MAX_BYTES = 10 * 1024 * 1024
# A4 at 400 dpi. Higher resolutions need more memory and do not improve recognition.
_MAX_PIXELS = 16_000_000
# The engine recognizes small round bullets as Chinese punctuation.
_BULLET = re.compile(r"^[。·∘]\s*(?=[A-Za-zÀ-ÿ0-9])")

Box = tuple[float, float, float, float]


class Reader:
    """PP-OCRv6 (small) by RapidOCR, with the models from its wheel; loaded on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: Any = None

    def _loaded(self) -> Any:
        # Lazy: the engine uses 300 MB.
        if self._engine is None:
            from rapidocr import RapidOCR

            settings = {
                "Global.log_level": "warning",
                "EngineConfig.onnxruntime.intra_op_num_threads": threads(),
            }
            self._engine = RapidOCR(params=settings)
        return self._engine

    def lines(self, picture: Image.Image) -> list[tuple[str, float, Box]]:
        """Text, confidence from 0 to 1, and left, top, width, and height relative to the picture's size."""
        pixels = np.asarray(picture.convert("RGB"))[:, :, ::-1]
        with self._lock:
            result = self._loaded()(np.ascontiguousarray(pixels))
        if result.boxes is None or result.txts is None:
            return []
        return [
            (_BULLET.sub("• ", text), float(score), _box(corners, picture.size))
            for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True)
        ]


def _box(corners: Any, size: tuple[int, int]) -> Box:
    across = [min(max(float(x) / size[0], 0.0), 1.0) for x, _ in corners]
    down = [min(max(float(y) / size[1], 0.0), 1.0) for _, y in corners]
    return min(across), min(down), max(across) - min(across), max(down) - min(down)


def detect(request: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """`DetectDocumentText`. Raises `ModelError` with Textract's codes."""
    lines = reader.lines(_picture(request))
    children: list[dict[str, Any]] = []
    line_blocks: list[dict[str, Any]] = []
    for text, confidence, box in lines:
        words = [_block("WORD", word, confidence, part) for word, part in _words(text, box)]
        line_blocks.append(_block("LINE", text, confidence, box, words))
        children += words
    page = {"BlockType": "PAGE", "Geometry": _geometry((0.0, 0.0, 1.0, 1.0)), **_identity(line_blocks)}
    return {
        "DocumentMetadata": {"Pages": 1},
        "Blocks": [page, *line_blocks, *children],
        "DetectDocumentTextModelVersion": "local",
    }


def _picture(request: Mapping[str, Any]) -> Image.Image:
    document = request.get("Document")
    content = document.get("Bytes") if isinstance(document, dict) else None
    if not isinstance(content, str):
        raise ModelError("InvalidParameterException", "The local stage supports documents as bytes only.")
    try:
        data = base64.b64decode(content, validate=True)
    except binascii.Error as failure:
        raise ModelError("InvalidParameterException", "Request has invalid parameters") from failure
    if len(data) > _MAX_BYTES:
        raise ModelError("DocumentTooLargeException", "The document exceeds 10 MB.")
    try:
        picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
        if picture.width * picture.height > _MAX_PIXELS:
            raise ModelError("BadDocumentException", "The picture has too many pixels.")
        picture.load()
    except UnidentifiedImageError as failure:
        raise ModelError("UnsupportedDocumentException", "Request has unsupported document format") from failure
    except (OSError, Image.DecompressionBombError) as failure:
        raise ModelError("BadDocumentException", "The document cannot be read.") from failure
    return picture


def _words(text: str, box: Box) -> list[tuple[str, Box]]:
    """The words of a line, each with its share of the line's width: the engine locates lines only."""
    left, top, width, height = box
    words = []
    for match in re.finditer(r"\S+", text):
        start, length = match.start() / len(text), len(match.group()) / len(text)
        words.append((match.group(), (left + width * start, top, width * length, height)))
    return words


def _block(
    block_type: str, text: str, confidence: float, box: Box, children: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    block = {
        "BlockType": block_type,
        "Confidence": round(confidence * 100, 3),
        "Text": text,
        "Geometry": _geometry(box),
        **_identity(children or []),
    }
    return {**block, "TextType": "PRINTED"} if block_type == "WORD" else block


def _identity(children: list[dict[str, Any]]) -> dict[str, Any]:
    identity: dict[str, Any] = {"Id": str(uuid.uuid4())}
    if children:
        identity["Relationships"] = [{"Type": "CHILD", "Ids": [child["Id"] for child in children]}]
    return identity


def _geometry(box: Box) -> dict[str, Any]:
    left, top, width, height = box
    corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    return {
        "BoundingBox": {"Left": left, "Top": top, "Width": width, "Height": height},
        "Polygon": [{"X": x, "Y": y} for x, y in corners],
    }
