"""Requests and answers of each family of image models: bodies of InvokeModel, from AWS's parameter pages.

A parameter that a family does not take is refused by name, because ignoring it would mislead the caller.
"""

import base64
import binascii
import struct
from collections.abc import Callable
from typing import Any

import msgspec

from lambda_src.image_generation.models import CreateImages
from lambda_src.shared.errors import InvalidRequest, ModelFailed, Refused

PNG = b"\x89PNG\r\n\x1a\n"

STYLE_WORDS = {
    "photographic": "photorealistic photograph",
    "animated-film": "3D animated family film",
    "design-sketch": "design sketch",
    "flat-vector": "flat vector illustration",
    "graphic-novel": "graphic novel illustration",
    "maximalist": "maximalism",
    "midcentury-retro": "midcentury retro",
    "digital-painting": "soft digital painting",
}
NOVA_STYLES = {
    "photographic": "PHOTOREALISM",
    "animated-film": "3D_ANIMATED_FAMILY_FILM",
    "design-sketch": "DESIGN_SKETCH",
    "flat-vector": "FLAT_VECTOR_ILLUSTRATION",
    "graphic-novel": "GRAPHIC_NOVEL_ILLUSTRATION",
    "maximalist": "MAXIMALISM",
    "midcentury-retro": "MIDCENTURY_RETRO",
    "digital-painting": "SOFT_DIGITAL_PAINTING",
}
TITAN_SIZES = {"1:1": (1024, 1024), "2:3": (768, 1152), "3:2": (1152, 768)}
# Nova Canvas: sides are multiples of 16, with at most 4.19 megapixels.
NOVA_SIZES = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "4:5": (896, 1120),
    "5:4": (1120, 896),
    "9:16": (720, 1280),
    "16:9": (1280, 720),
    "9:21": (672, 1568),
    "21:9": (1568, 672),
}


class GeneratedImage(msgspec.Struct, frozen=True):
    """One PNG and its seed; sizes in pixels."""

    data: bytes
    seed: int
    width: int
    height: int


class Family(msgspec.Struct, frozen=True):
    """`bodies(request, first_seed)` returns one body per call; `parse(answer, seed)` reads one call's answer."""

    max_seed: int
    bodies: Callable[[CreateImages, int], list[dict[str, Any]]]
    parse: Callable[[dict[str, Any], int], list[GeneratedImage]]


def _refuse_parameters(request: CreateImages, family: str, *names: str) -> None:
    for name in names:
        if getattr(request, name) is not None:
            raise InvalidRequest.at(f"body.{name}", f"{family} models do not take it; leave it out")


def _check_length(request: CreateImages, name: str, limit: int) -> None:
    if len(getattr(request, name) or "") > limit:
        json_name = "negativePrompt" if name == "negative_prompt" else name
        raise InvalidRequest.at(f"body.{json_name}", f"this model takes at most {limit} characters")


def _styled_prompt(request: CreateImages) -> str:
    return f"{request.prompt}, {STYLE_WORDS[request.style]}" if request.style else request.prompt


def _stability_bodies(request: CreateImages, first_seed: int) -> list[dict[str, Any]]:
    _refuse_parameters(request, "Stability", "quality", "guidance")
    common: dict[str, Any] = {
        "prompt": _styled_prompt(request),
        "aspect_ratio": request.aspect_ratio,
        "output_format": "png",
    }
    if request.negative_prompt:
        common["negative_prompt"] = request.negative_prompt
    # One image per call. Consecutive seeds keep a set reproducible.
    return [{**common, "seed": (first_seed + number) % 4294967295} for number in range(request.count)]


def _parse_stability(answer: dict[str, Any], seed: int) -> list[GeneratedImage]:
    reason = next(filter(None, answer.get("finish_reasons") or []), None)
    if reason and reason.lower().startswith("filter reason"):
        raise Refused("The model declined this prompt or its images.")
    if reason:
        raise ModelFailed("The model failed on this prompt.")
    seeds = answer.get("seeds") or [seed]
    images = answer.get("images", [])
    return [_decode(image, int(image_seed)) for image, image_seed in zip(images, seeds, strict=False)]


def _amazon_body(request: CreateImages, seed: int, width: int, height: int) -> dict[str, Any]:
    text: dict[str, Any] = {"text": request.prompt}
    if request.negative_prompt:
        text["negativeText"] = request.negative_prompt
    config: dict[str, Any] = {
        "numberOfImages": request.count,
        "width": width,
        "height": height,
        "quality": request.quality or "standard",
        "seed": seed,
    }
    if request.guidance is not None:
        if not 1.1 <= request.guidance <= 10:
            raise InvalidRequest.at("body.guidance", "this model takes 1.1 to 10")
        config["cfgScale"] = request.guidance
    return {"taskType": "TEXT_IMAGE", "textToImageParams": text, "imageGenerationConfig": config}


def _titan_bodies(request: CreateImages, first_seed: int) -> list[dict[str, Any]]:
    if request.aspect_ratio not in TITAN_SIZES:
        raise InvalidRequest.at("body.aspectRatio", f"this model takes {', '.join(TITAN_SIZES)}")
    _check_length(request, "prompt", 512)
    _check_length(request, "negative_prompt", 512)
    body = _amazon_body(request, first_seed, *TITAN_SIZES[request.aspect_ratio])
    body["textToImageParams"]["text"] = _styled_prompt(request)[:512]
    return [body]


def _nova_bodies(request: CreateImages, first_seed: int) -> list[dict[str, Any]]:
    _check_length(request, "prompt", 1024)
    _check_length(request, "negative_prompt", 1024)
    body = _amazon_body(request, first_seed, *NOVA_SIZES[request.aspect_ratio])
    if request.style:
        body["textToImageParams"]["style"] = NOVA_STYLES[request.style]
    return [body]


def _parse_amazon(answer: dict[str, Any], seed: int) -> list[GeneratedImage]:
    images = answer.get("images") or []
    if answer.get("error") and not images:
        raise Refused("The model declined this prompt or its images.")
    return [_decode(image, seed) for image in images]


def _decode(encoded: str, seed: int) -> GeneratedImage:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, TypeError) as error:
        raise ModelFailed("The model's answer has no readable image.") from error
    if not data.startswith(PNG) or len(data) < 24:
        raise ModelFailed("The model's answer has no PNG image.")
    width, height = struct.unpack(">II", data[16:24])
    return GeneratedImage(data, seed, width, height)


FAMILIES = {
    "stability": Family(4294967294, _stability_bodies, _parse_stability),
    "titan-image": Family(2147483646, _titan_bodies, _parse_amazon),
    "nova-canvas": Family(858993459, _nova_bodies, _parse_amazon),
}
