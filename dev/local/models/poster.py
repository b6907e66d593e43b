"""A film poster: a deterministic drawing of a prompt and a seed."""

import hashlib
import io
import random
import re
import textwrap
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dev.local.models.words import Words, words

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Poster:
    """The inputs of the drawing."""

    prompt: str
    seed: int
    width: int
    height: int
    negative: str = ""


@dataclass(frozen=True)
class Palette:
    """`far` and `near` are the colors of the silhouettes in the distance and in front."""

    sky: Color
    horizon: Color
    light: Color
    far: Color
    near: Color
    accent: Color


def _palette(*colors: str) -> Palette:
    return Palette(*((rgb[0], rgb[1], rgb[2]) for rgb in map(bytes.fromhex, colors)))


_PALETTES = {
    "ember": _palette("1b1230", "f0803c", "ffe0a8", "a8433f", "160b1c", "ffb765"),
    "teal": _palette("06202c", "7cc5b2", "f4f3d9", "2f7d80", "04161d", "ffd27a"),
    "dusk": _palette("151a3c", "e78aa0", "ffe6d2", "7f5a98", "0e0d26", "ffc1a6"),
    "noir": _palette("0b0d12", "8a98a3", "f3efe2", "4b5964", "08090c", "e0483e"),
    "gold": _palette("2b1a10", "f3bf62", "fff3cf", "b8783a", "1c0f08", "ffd98a"),
    "ice": _palette("0c1d3a", "cfe6ee", "ffffff", "6f9dbd", "0a1830", "a8dcf5"),
    "moss": _palette("0d1f1a", "c9cf82", "fbf6cf", "567f52", "08140f", "f0b954"),
}
_MOODS = {
    "noir": r"noir|detective|crime|murder|spy|black and white|thriller|mafia",
    "ember": r"fire|war|dragon|volcano|red|revenge|hell|inferno|robot|neon",
    "teal": r"sea|ocean|whale|lighthouse|ship|storm|island|submarine|fish|diver",
    "ice": r"snow|ice|winter|arctic|mountain|frozen|glacier|blue",
    "gold": r"desert|dune|western|cowboy|gold|egypt|pyramid|summer|savanna",
    "moss": r"forest|wood|jungle|garden|village|wolf|witch|green|bear|tree",
    "dusk": r"love|romance|dream|music|space|star|planet|galaxy|moon|paris|ghost|night",
}
_SCENES = {
    "sea": r"sea|ocean|whale|lighthouse|ship|storm|island|coast|sail|harbou?r|beach|wave",
    "city": r"city|street|detective|noir|robot|neon|tower|metropolis|crime|spy|london|paris|tokyo|jazz|train",
    "forest": r"forest|wood|tree|wolf|witch|jungle|bear|village|fairy|deer|cabin",
    "hills": r"mountain|snow|ice|climb|valley|dragon|castle|desert|dune|western|space|star|planet",
}


def draw(poster: Poster) -> Image.Image:
    """Draws the poster in RGB."""
    key = hashlib.sha256(f"{poster.prompt}\0{poster.negative}\0{poster.seed}".encode()).digest()
    choice = random.Random(key)
    palette = _PALETTES[_best_match(poster.prompt, _MOODS, choice)]
    scene = _best_match(poster.prompt, _SCENES, choice)
    picture = _sky(poster.width, poster.height, palette, choice)
    _silhouettes(picture, scene, palette, choice)
    _letter(picture, words(poster.prompt, choice), palette)
    return picture


def encode(picture: Image.Image, image_format: str) -> bytes:
    """Encodes the picture as a PNG or JPEG file."""
    target = io.BytesIO()
    if image_format == "jpeg":
        picture.save(target, "JPEG", quality=90)
    else:
        picture.save(target, "PNG", compress_level=4)
    return target.getvalue()


def _best_match(prompt: str, table: dict[str, str], choice: random.Random) -> str:
    """The name whose words the prompt uses most; ties are broken by the seed."""
    counts = {name: len(re.findall(rf"\b(?:{pattern})", prompt, re.IGNORECASE)) for name, pattern in table.items()}
    best = max(counts.values())
    return choice.choice([name for name, count in counts.items() if count == best])


def _sky(width: int, height: int, palette: Palette, choice: random.Random) -> Image.Image:
    """A vertical gradient with a glowing disc."""
    down = np.linspace(0, 1.5, height).clip(0, 1)[:, None, None]
    canvas = np.array(palette.sky) * (1 - down) + np.array(palette.horizon) * down
    x, y = width * choice.uniform(0.36, 0.64), height * choice.uniform(0.26, 0.42)
    radius = min(width, height) * choice.uniform(0.12, 0.19)
    distance = np.hypot(np.arange(width)[None, :] - x, np.arange(height)[:, None] - y)[..., None]
    light = np.maximum(np.exp(-((distance / radius / 3) ** 2)) * 0.5, np.clip(radius - distance, 0, 1) * 0.95)
    canvas = canvas + (np.array(palette.light) - canvas) * light
    return Image.fromarray(canvas.astype(np.uint8))


def _blend(first: Color, second: Color, share: float) -> Color:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _silhouettes(picture: Image.Image, scene: str, palette: Palette, choice: random.Random) -> None:
    """Four layers, each nearer, lower, and darker than the one before."""
    pen = ImageDraw.Draw(picture, "RGBA")
    width, height = picture.size
    for layer in range(4):
        color = _blend(palette.far, palette.near, layer / 3)
        base = height * (0.52 + 0.08 * layer)
        ridge = _ridge(width, base, height * (0.03 if scene in ("sea", "city") else 0.1), choice)
        if scene == "sea" and layer < 3:
            pen.rectangle([0, base, width, height], fill=color)
            _glints(pen, width, base, palette.light, choice)
            continue
        pen.polygon([*ridge, (width, height), (0, height)], fill=color)
        if scene in ("city", "forest"):
            for x, y in ridge[::3]:
                size = height * choice.uniform(0.06, 0.2)
                shape = _tower if scene == "city" else _pine
                shape(pen, x, y, size, color, palette, choice)
    if scene == "sea":
        _lighthouse(pen, ridge[choice.choice((10, 54))], height * 0.3, palette)
    else:
        _person(pen, ridge[choice.randint(24, 40)], height * 0.1, palette.near)


def _ridge(width: int, base: float, height: float, choice: random.Random) -> list[tuple[float, float]]:
    """A line of hills: sine waves, each with half the length and about half the height of the previous one."""
    across = np.linspace(0, 1, 65)
    waves = [
        np.sin(choice.uniform(0, 6.28) + 6.28 * across * choice.uniform(0.7, 1.4) * 2**octave) * 0.55**octave
        for octave in range(5)
    ]
    return [(float(x) * width, base + float(y) * height / 2) for x, y in zip(across, sum(waves), strict=True)]


def _glints(pen: ImageDraw.ImageDraw, width: int, base: float, light: Color, choice: random.Random) -> None:
    for _ in range(25):
        x, y = choice.gauss(0.5, 0.14) * width, base + choice.random() * width * 0.1
        half = width * choice.uniform(0.01, 0.05)
        pen.ellipse([x - half, y, x + half, y + half * 0.08], fill=(*light, 120))


def _tower(
    pen: ImageDraw.ImageDraw, x: float, y: float, size: float, color: Color, palette: Palette, choice: random.Random
) -> None:
    half = size * 0.22
    pen.rectangle([x - half, y - size, x + half, y + size], fill=color)
    for row in range(8):
        for column in (-0.6, 0.1):
            if choice.random() < 0.3:
                left, top = x + half * column, y - size * (0.93 - 0.11 * row)
                pen.rectangle([left, top, left + half * 0.4, top + size * 0.05], fill=(*palette.accent, 170))


def _pine(
    pen: ImageDraw.ImageDraw, x: float, y: float, size: float, color: Color, palette: Palette, choice: random.Random
) -> None:
    for step in range(4):
        low, half = y + size * (0.15 - 0.25 * step), size * (0.24 - 0.05 * step)
        pen.polygon([(x - half, low), (x, low - size * 0.4), (x + half, low)], fill=color)


def _lighthouse(pen: ImageDraw.ImageDraw, foot: tuple[float, float], size: float, palette: Palette) -> None:
    x, ground = foot
    lamp, wide = ground - size, size * 0.05
    for side in (-1, 1):
        far = x + side * size * 3
        pen.polygon([(x, lamp), (far, lamp - size * 0.3), (far, lamp + size * 0.1)], fill=(*palette.light, 60))
    pen.polygon([(x - wide, lamp), (x + wide, lamp), (x + wide * 2, ground), (x - wide * 2, ground)], palette.near)
    pen.rectangle([x - wide, lamp - wide, x + wide, lamp + wide], fill=palette.light)
    pen.polygon([(x - wide * 1.4, lamp - wide), (x, lamp - wide * 3), (x + wide * 1.4, lamp - wide)], palette.near)


def _person(pen: ImageDraw.ImageDraw, foot: tuple[float, float], size: float, color: Color) -> None:
    x, ground = foot
    head = size * 0.09
    pen.ellipse([x - head, ground - size, x + head, ground - size + 2 * head], fill=color)
    coat = [
        (x - head, ground - size * 0.8),
        (x + head, ground - size * 0.8),
        (x + head * 2, ground),
        (x - head * 2, ground),
    ]
    pen.polygon(coat, fill=color)


def _letter(picture: Image.Image, texts: Words, palette: Palette) -> None:
    """The cast at the top; title, tagline, and credits over a dark fade at the bottom."""
    width, height = picture.size
    fade = Image.linear_gradient("L").resize((width, height // 2))
    picture.paste(palette.near, (0, height - height // 2), fade)
    pen = ImageDraw.Draw(picture)
    title = textwrap.fill(texts.title, 14, break_long_words=False)
    unit = min(width, height)
    for text, y, size, color in (
        (texts.cast, 0.05, unit * 0.022, palette.light),
        (title, 0.76, unit * 0.1, palette.light),
        (texts.tagline, 0.88, unit * 0.03, palette.accent),
        (textwrap.fill(texts.credits, 84), 0.94, unit * 0.016, palette.far),
    ):
        font = ImageFont.load_default(size)
        left, top, right, bottom = pen.multiline_textbbox((0, 0), text, font=font)
        fitting = size * min(1, width * 0.88 / max(right - left, 1), height * 0.2 / max(bottom - top, 1))
        font = ImageFont.load_default(max(fitting, 6))
        pen.multiline_text((width / 2, height * y), text, color, font, anchor="mm", align="center")
