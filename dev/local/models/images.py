"""InvokeModel for image models: the request formats of Stability, Titan Image, and Nova Canvas; draws a poster."""

import base64
import hashlib
import re
from typing import Any

from dev.local.models.errors import invalid
from dev.local.models.poster import Poster, draw, encode

# About a megapixel each, as the real models return.
_SIZES = {
    "16:9": (1344, 768), "1:1": (1024, 1024), "21:9": (1536, 640), "2:3": (832, 1216), "3:2": (1216, 832),
    "4:5": (896, 1088), "5:4": (1088, 896), "9:16": (768, 1344), "9:21": (640, 1536),
}  # fmt: skip
_FORMATS = {"stability.sd3": ("jpeg", "png"), "stability.stable": ("jpeg", "png")}
_UNSAFE = re.compile(r"\b(?:nude|naked|gore|gory|pornograph\w*|beheading)\b", re.IGNORECASE)
_STABILITY_KEYS = {"prompt", "negative_prompt", "aspect_ratio", "seed", "output_format", "mode", "image", "strength"}
_MAX_SEED = 4_294_967_294
_BLOCKED = (
    "This request has been blocked by our content filters. Please adjust your text prompt to submit a new request."
)


def unsafe(prompt: str) -> bool:
    """Whether the local model declines the prompt. The short word list makes refusals testable."""
    return bool(_UNSAFE.search(prompt))


def _seed(prompt: str, requested: Any) -> int:
    """The requested seed. Without one (or with 0), it depends on the prompt, so that tests are repeatable."""
    if requested:
        return int(requested)
    return int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "big") % _MAX_SEED + 1


def _integer(request: dict[str, Any], key: str, low: int, high: int) -> int | None:
    value = request.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise invalid(f"Malformed input request: #/{key}: {value} is not between {low} and {high}")
    return value


def stability(model_id: str, request: dict[str, Any], *, refuse: bool) -> tuple[dict[str, Any], int]:
    """Stable Image Core and Ultra, and SD3.5. Returns the body and the number of images."""
    prompt = request.get("prompt")
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= 10_000:
        raise invalid("Malformed input request: #/prompt: expected between 1 and 10000 characters")
    unknown = set(request) - _STABILITY_KEYS
    if unknown:
        raise invalid(f"Malformed input request: extraneous key [{sorted(unknown)[0]}] is not permitted")
    ratio = request.get("aspect_ratio", "1:1")
    if ratio not in _SIZES:
        raise invalid(f"Malformed input request: #/aspect_ratio: {ratio} is not a valid enum value")
    output_format = request.get("output_format", "png")
    allowed = next((formats for prefix, formats in _FORMATS.items() if model_id.startswith(prefix)), ("jpeg", "png"))
    if output_format not in allowed:
        raise invalid(f"Malformed input request: #/output_format: {output_format} is not a valid enum value")
    seed = _seed(prompt, _integer(request, "seed", 0, _MAX_SEED))
    if refuse or unsafe(prompt):
        return {"seeds": [seed], "finish_reasons": ["Filter reason: prompt"], "images": [""]}, 0
    picture = draw(Poster(prompt, seed, *_SIZES[ratio], str(request.get("negative_prompt") or "")))
    image = base64.b64encode(encode(picture, output_format)).decode()
    return {"seeds": [seed], "finish_reasons": [None], "images": [image]}, 1


def canvas(model_id: str, request: dict[str, Any], *, refuse: bool) -> tuple[dict[str, Any], int]:
    """Titan Image Generator and Nova Canvas, `TEXT_IMAGE` only. Returns the body and the number of images."""
    if request.get("taskType") != "TEXT_IMAGE":
        raise invalid(f"Malformed input request: taskType {request.get('taskType')} is not supported here")
    text = request.get("textToImageParams") or {}
    prompt = text.get("text")
    longest = 1024 if "nova" in model_id else 512
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= longest:
        raise invalid(f"Malformed input request: #/textToImageParams/text: expected maxLength: {longest}")
    config = request.get("imageGenerationConfig") or {}
    unknown = set(config) - {"numberOfImages", "height", "width", "quality", "cfgScale", "seed"}
    if unknown:
        raise invalid(f"Malformed input request: extraneous key [{sorted(unknown)[0]}] is not permitted")
    count = _integer(config, "numberOfImages", 1, 5) or 1
    width = _integer(config, "width", 320, 4096) or 1024
    height = _integer(config, "height", 320, 4096) or 1024
    seed = _seed(prompt, _integer(config, "seed", 0, 2_147_483_646 if "titan" in model_id else 858_993_459))
    if refuse or unsafe(prompt):
        raise invalid(_BLOCKED)
    negative = str(text.get("negativeText") or "")
    pictures = [draw(Poster(prompt, seed + number, width, height, negative)) for number in range(count)]
    return {"images": [base64.b64encode(encode(picture, "png")).decode() for picture in pictures], "error": None}, count
