"""A film poster, drawn: the same prompt, seed and size give the same bytes on one installation."""

import hashlib
import io
import math
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from dev.local.models import scenes
from dev.local.models.words import Words, words

Colour = tuple[int, int, int]
# Shapes are drawn larger and shrunk: Pillow's polygons have hard edges.
_OVERSAMPLING = 2


@dataclass(frozen=True)
class Poster:
    """What decides the picture."""

    prompt: str
    seed: int
    width: int
    height: int
    negative: str = ""


def draw(poster: Poster) -> Image.Image:
    """The poster in RGB."""
    key = hashlib.sha256(f"{poster.prompt}\0{poster.negative}\0{poster.seed}".encode()).digest()
    choice = random.Random(key)
    noise = np.random.default_rng(int.from_bytes(key[:8], "big"))
    palette = scenes.palette(poster.prompt, choice)
    size = (poster.width * _OVERSAMPLING, poster.height * _OVERSAMPLING)
    large = _sky(size, palette, choice)
    scenes.paint(large, scenes.kind(poster.prompt, choice), palette, choice)
    picture = large.resize((poster.width, poster.height), Image.Resampling.LANCZOS)
    picture = _finish(picture, palette, noise)
    _letter(picture, words(poster.prompt, choice), palette)
    return picture


def encode(picture: Image.Image, kind: str) -> bytes:
    """The picture as a PNG or JPEG file."""
    target = io.BytesIO()
    if kind == "jpeg":
        picture.save(target, "JPEG", quality=90)
    else:
        picture.save(target, "PNG", compress_level=4)
    return target.getvalue()


def _sky(size: tuple[int, int], palette: scenes.Palette, choice: random.Random) -> Image.Image:
    width, height = size
    stops = np.array([0.0, 0.38, 0.66, 1.0])
    colours = np.array([palette.top, palette.middle, palette.horizon, palette.horizon], dtype=float)
    rows = np.linspace(0, 1, height)
    gradient = np.stack([np.interp(rows, stops, colours[:, channel]) for channel in range(3)], axis=1)
    canvas = np.repeat(gradient[:, None, :], width, axis=1)

    # The light: a disc with a wide glow, above the horizon and never quite in the middle.
    x, y = width * choice.uniform(0.36, 0.64), height * choice.uniform(0.26, 0.42)
    radius = min(width, height) * choice.uniform(0.12, 0.19)
    across, down = np.meshgrid(np.arange(width) - x, np.arange(height) - y)
    distance = np.hypot(across, down)
    light = np.array(palette.light, dtype=float)
    for reach, strength in ((radius * 4.5, 0.40), (radius * 1.9, 0.38)):
        glow = np.exp(-((distance / reach) ** 2)) * strength
        canvas += (light - canvas) * glow[..., None]
    disc = np.clip((radius - distance) / 3, 0, 1) * 0.96
    canvas += (light - canvas) * disc[..., None]
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8), "RGB")


def _finish(picture: Image.Image, palette: scenes.Palette, noise: np.random.Generator) -> Image.Image:
    """Ground for the letters, a vignette, and the grain of a print."""
    canvas = np.asarray(picture, dtype=np.float32)
    height, width, _ = canvas.shape
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    ground = np.array(palette.ground, dtype=np.float32)
    fade = np.clip((rows - 0.56) / 0.34, 0, 1) ** 1.4 * 0.93
    canvas = canvas + (ground - canvas) * fade[..., None]
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    vignette = 1 - 0.34 * np.clip(across**2 * 0.8 + (rows * 2 - 1) ** 2 * 0.7 - 0.25, 0, 1.4)
    canvas = canvas * vignette[..., None]
    grain = noise.normal(0, 4.2, (height, width, 1)).astype(np.float32)
    grained: npt.NDArray[np.uint8] = np.clip(canvas + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(grained, "RGB")


def _width(text: str, font: ImageFont.FreeTypeFont, spacing: float) -> float:
    return sum(font.getlength(letter) for letter in text) + spacing * max(len(text) - 1, 0)


def _spaced(
    pen: ImageDraw.ImageDraw,
    centre: float,
    top: float,
    text: str,
    font: ImageFont.FreeTypeFont,
    spacing: float,
    fill: tuple[int, ...],
) -> None:
    x = centre - _width(text, font, spacing) / 2
    for letter in text:
        pen.text((x, top), letter, font=font, fill=fill, anchor="la")
        x += font.getlength(letter) + spacing


def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(max(size, 6))
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType")
    return font


def _lines(title: str) -> list[str]:
    """One to three lines of like length."""
    parts = title.split()
    if len(title) <= 12 or len(parts) == 1:
        return [title]
    count = 2 if len(title) <= 26 else 3
    target = len(title) / count
    lines: list[str] = []
    current = ""
    for part in parts:
        joined = f"{current} {part}".strip()
        if current and len(lines) < count - 1 and len(joined) > target * 1.15:
            lines.append(current)
            current = part
        else:
            current = joined
    return [*lines, current]


def _letter(picture: Image.Image, said: Words, palette: scenes.Palette) -> None:
    width, height = picture.size
    middle, unit = width / 2, min(width, height * 0.8)
    lines = _lines(said.title)
    longest = max(lines, key=len)
    spacing_share = 0.09
    trial = _font(100)
    needed = _width(longest, trial, 100 * spacing_share)
    size = min(width * 0.86 / needed * 100, unit * 0.17, height * 0.15 / len(lines) * 1.45)
    title_font = _font(size)
    leading = size * 1.08
    foot = height * 0.955
    credit_size = unit * 0.0185
    credit_lines = _wrapped(said.credits, _font(credit_size), width * 0.84, credit_size * 0.06)[:4]
    credits_top = foot - len(credit_lines) * credit_size * 1.45
    tagline_size = unit * 0.034
    tagline_top = credits_top - tagline_size * 2.3
    title_top = tagline_top - leading * len(lines) - size * 0.22
    cast_top = height * 0.045

    shadow = Image.new("L", picture.size, 0)
    shadow_pen = ImageDraw.Draw(shadow)
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        _spaced(
            shadow_pen,
            middle,
            title_top + number * leading,
            line,
            title_font,
            size * spacing_share,
            (150,),
        )
    blurred = shadow.filter(ImageFilter.GaussianBlur(size * 0.10))
    picture.paste(palette.ground, (0, 0), blurred)
    for number, line in enumerate(lines):
        _spaced(pen, middle, title_top + number * leading, line, title_font, size * spacing_share, palette.letters)

    _spaced(pen, middle, tagline_top, said.tagline, _font(tagline_size), tagline_size * 0.08, palette.accent)
    cast_size = min(unit * 0.024, width * 0.86 / max(_width(said.cast, _font(100), 12), 1) * 100)
    _spaced(pen, middle, cast_top, said.cast, _font(cast_size), cast_size * 0.12, palette.letters)
    faint: Colour = tuple(int(l * 0.62 + g * 0.38) for l, g in zip(palette.letters, palette.ground, strict=True))  # type: ignore[assignment]  # noqa: E741
    for number, line in enumerate(credit_lines):
        top = credits_top + number * credit_size * 1.45
        _spaced(pen, middle, top, line, _font(credit_size), credit_size * 0.06, faint)
    rule = width * 0.06
    pen.line(
        [(middle - rule, credits_top - credit_size), (middle + rule, credits_top - credit_size)],
        palette.accent,
        max(1, math.ceil(unit / 700)),
    )


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float, spacing: float) -> list[str]:
    lines: list[str] = []
    current = ""
    for word in text.split(" "):
        joined = f"{current} {word}" if current else word
        if current and _width(joined, font, spacing) > width:
            lines.append(current)
            current = word
        else:
            current = joined
    return [*lines, current]
