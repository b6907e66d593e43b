"""What a poster shows: a palette by mood, and silhouettes in layers, the far ones in the colour of the air."""

import itertools
import math
import random
import re
from dataclasses import dataclass

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Palette:
    """`ground` lies under the letters; `far` and `near` are the ends of the silhouettes' colours."""

    top: Colour
    middle: Colour
    horizon: Colour
    light: Colour
    far: Colour
    near: Colour
    ground: Colour
    letters: Colour
    accent: Colour


def _p(*colours: str) -> Palette:
    def rgb(text: str) -> Colour:
        return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)

    return Palette(*(rgb(colour) for colour in colours))


_PALETTES = {
    "ember": _p("1b1230", "7a2340", "f0803c", "ffe0a8", "a8433f", "160b1c", "120913", "fff1dc", "ffb765"),
    "teal": _p("06202c", "0f5561", "7cc5b2", "f4f3d9", "2f7d80", "04161d", "031217", "f2fbf4", "ffd27a"),
    "dusk": _p("151a3c", "54418a", "e78aa0", "ffe6d2", "7f5a98", "0e0d26", "0b0a1c", "fff4ef", "ffc1a6"),
    "noir": _p("0b0d12", "2a3440", "8a98a3", "f3efe2", "4b5964", "08090c", "060709", "f4f1e8", "e0483e"),
    "gold": _p("2b1a10", "8f5320", "f3bf62", "fff3cf", "b8783a", "1c0f08", "170c06", "fff4dc", "ffd98a"),
    "ice": _p("0c1d3a", "3c6f9f", "cfe6ee", "ffffff", "6f9dbd", "0a1830", "081327", "f6fbff", "a8dcf5"),
    "moss": _p("0d1f1a", "2f5d43", "c9cf82", "fbf6cf", "567f52", "08140f", "06100c", "f7f6df", "f0b954"),
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
    "space": r"space|star|planet|galaxy|astronaut|alien|mars|rocket|comet|cosmos",
    "desert": r"desert|dune|sand|western|cowboy|pyramid|egypt|camel",
    "mountains": r"mountain|snow|ice|climb|valley|dragon|castle|eagle|winter|arctic",
}


def _chosen(prompt: str, table: dict[str, str], choice: random.Random) -> str:
    counts = {name: len(re.findall(rf"\b(?:{pattern})", prompt, re.IGNORECASE)) for name, pattern in table.items()}
    best = max(counts.values())
    return choice.choice([name for name, count in counts.items() if count == best])


def palette(prompt: str, choice: random.Random) -> Palette:
    """The prompt's mood; without one, the seed's."""
    return _PALETTES[_chosen(prompt, _MOODS, choice)]


def kind(prompt: str, choice: random.Random) -> str:
    """The scene that fits the prompt's words; without any, the seed's."""
    return _chosen(prompt, _SCENES, choice)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _ridge(width: int, base: float, height: float, rough: float, choice: random.Random) -> Points:
    """A line of hills by midpoint displacement, from left to right."""
    heights = [choice.uniform(-1, 1), choice.uniform(-1, 1)]
    spread = 1.0
    for _ in range(8):
        spread *= rough
        finer = []
        for left, right in itertools.pairwise(heights):
            finer += [left, (left + right) / 2 + choice.uniform(-spread, spread)]
        heights = [*finer, heights[-1]]
    step = width / (len(heights) - 1)
    return [(number * step, base - value * height) for number, value in enumerate(heights)]


def _fill(pen: ImageDraw.ImageDraw, line: Points, bottom: float, colour: Colour) -> None:
    pen.polygon([*line, (line[-1][0], bottom), (line[0][0], bottom)], fill=colour)


def _at(line: Points, x: float) -> float:
    """The height of a ridge at a place."""
    step = line[1][0] - line[0][0]
    return line[min(max(round(x / step), 0), len(line) - 1)][1]


def paint(picture: Image.Image, scene: str, colours: Palette, choice: random.Random) -> None:
    """Paint the scene over a sky."""
    pen = ImageDraw.Draw(picture, "RGBA")
    {"sea": _sea, "city": _city, "forest": _forest, "space": _space, "desert": _desert, "mountains": _mountains}[scene](
        pen, picture.size, colours, choice
    )


def _person(pen: ImageDraw.ImageDraw, x: float, ground: float, size: float, colour: Colour) -> None:
    """Somebody seen from behind, in a long coat."""
    pen.ellipse([x - size * 0.085, ground - size, x + size * 0.085, ground - size * 0.80], fill=colour)
    coat = [
        (x - size * 0.06, ground - size * 0.82), (x + size * 0.06, ground - size * 0.82),
        (x + size * 0.17, ground - size * 0.72), (x + size * 0.15, ground - size * 0.42),
        (x + size * 0.20, ground - size * 0.14), (x - size * 0.20, ground - size * 0.14),
        (x - size * 0.15, ground - size * 0.42), (x - size * 0.17, ground - size * 0.72),
    ]  # fmt: skip
    pen.polygon(coat, fill=colour)
    for side in (-1, 1):
        left = x + side * size * 0.085 - size * 0.045
        pen.rectangle([left, ground - size * 0.16, left + size * 0.09, ground + size * 0.02], fill=colour)


def _birds(pen: ImageDraw.ImageDraw, size: tuple[int, int], colour: Colour, choice: random.Random) -> None:
    width, height = size
    for _ in range(choice.randint(4, 8)):
        x, y, wing = (
            width * choice.uniform(0.2, 0.8),
            height * choice.uniform(0.14, 0.36),
            width * choice.uniform(0.008, 0.018),
        )
        for side in (-1, 1):
            box = sorted((x, x + side * wing * 2))
            pen.arc([box[0], y, box[1], y + wing * 1.4], 200, 340, fill=colour, width=max(2, int(wing * 0.22)))


def _mountains(pen: ImageDraw.ImageDraw, size: tuple[int, int], colours: Palette, choice: random.Random) -> None:
    width, height = size
    ridge: Points = []
    for layer in range(5):
        share = layer / 4
        base = height * (0.50 + 0.085 * layer)
        ridge = _ridge(width, base, height * (0.12 - 0.016 * layer), 0.55, choice)
        _fill(pen, ridge, height, _mix(colours.far, colours.near, share))
    _birds(pen, size, colours.near, choice)
    x = width * choice.uniform(0.3, 0.7)
    rock = _at(ridge, x)
    pen.polygon(
        [
            (x - width * 0.2, height),
            (x - width * 0.05, rock - height * 0.03),
            (x + width * 0.06, rock - height * 0.03),
            (x + width * 0.22, height),
        ],
        fill=colours.near,
    )
    _person(pen, x, rock - height * 0.03, height * 0.085, colours.near)


def _sea(pen: ImageDraw.ImageDraw, size: tuple[int, int], colours: Palette, choice: random.Random) -> None:
    width, height = size
    horizon = height * 0.56
    pen.rectangle([0, horizon, width, height], fill=_mix(colours.far, colours.near, 0.35))
    # The light's road on the water: strokes that grow longer and rarer towards the viewer.
    for number in range(90):
        depth = (number / 90) ** 1.6
        y = horizon + depth * height * 0.36
        reach = width * (0.05 + 0.22 * depth)
        x = width * 0.5 + choice.gauss(0, 1) * reach * 0.6
        half = width * choice.uniform(0.01, 0.035) * (0.5 + 2 * depth)
        pen.ellipse(
            [x - half, y, x + half, y + height * (0.0012 + 0.002 * depth)],
            fill=(*colours.light, int(150 * (1 - depth * 0.7))),
        )
    side = choice.choice((-1, 1))
    foot = width * (0.5 + side * 0.27)
    cliff = _ridge(width, height * 0.70, height * 0.02, 0.6, choice)
    slope = [(x, y - height * 0.16 * math.exp(-(((x - foot) / (width * 0.2)) ** 2))) for x, y in cliff]
    _fill(pen, slope, height, colours.near)
    _lighthouse(pen, foot, _at(slope, foot) + height * 0.01, height * 0.30, width, colours, -side)
    _birds(pen, size, colours.near, choice)


def _lighthouse(
    pen: ImageDraw.ImageDraw, x: float, ground: float, size: float, width: int, colours: Palette, side: int
) -> None:
    lamp = ground - size * 0.90
    for spread, strength in ((0.20, 46), (0.11, 64)):
        far = x + side * width * 0.95
        beam = [(x, lamp), (far, lamp - size * (spread + 0.42)), (far, lamp + size * (spread - 0.30))]
        pen.polygon(beam, fill=(*colours.light, strength))
    pen.polygon(
        [
            (x - size * 0.085, ground),
            (x - size * 0.05, lamp + size * 0.06),
            (x + size * 0.05, lamp + size * 0.06),
            (x + size * 0.085, ground),
        ],
        fill=colours.near,
    )
    stripe = _mix(colours.near, colours.far, 0.7)
    for number in (0, 1):
        high = ground - size * (0.30 + 0.28 * number)
        half = size * (0.078 - 0.012 * number * 2)
        pen.polygon(
            [
                (x - half, high),
                (x - half + size * 0.005, high - size * 0.10),
                (x + half - size * 0.005, high - size * 0.10),
                (x + half, high),
            ],
            fill=stripe,
        )
    pen.rectangle([x - size * 0.072, lamp + size * 0.04, x + size * 0.072, lamp + size * 0.06], fill=colours.near)
    pen.rectangle([x - size * 0.036, lamp - size * 0.04, x + size * 0.036, lamp + size * 0.04], fill=colours.light)
    pen.polygon(
        [(x - size * 0.055, lamp - size * 0.04), (x, lamp - size * 0.10), (x + size * 0.055, lamp - size * 0.04)],
        fill=colours.near,
    )


def _city(pen: ImageDraw.ImageDraw, size: tuple[int, int], colours: Palette, choice: random.Random) -> None:
    width, height = size
    for layer in range(4):
        share = layer / 3
        colour = _mix(colours.far, colours.near, share)
        x = -width * 0.02
        while x < width:
            wide = width * choice.uniform(0.045, 0.10) * (0.8 + share * 0.5)
            # Towers leave the middle open, where the light stands.
            aside = abs((x + wide / 2) / width - 0.5) * 2
            top = height * (
                0.62 + 0.05 * layer - choice.uniform(0.03, 0.10) - 0.25 * aside**1.5 * choice.uniform(0.5, 1.0)
            )
            pen.rectangle([x, top, x + wide, height], fill=colour)
            if choice.random() < 0.3:
                pen.rectangle([x + wide * 0.47, top - height * 0.035, x + wide * 0.53, top], fill=colour)
            _windows(pen, x, top, wide, height, colours, share, choice)
            x += wide + width * choice.uniform(0.0, 0.012)
    street = height * 0.845
    pen.polygon([(0, height), (0, street), (width, street), (width, height)], fill=colours.near)
    pen.polygon(
        [(width * 0.40, height), (width * 0.488, street), (width * 0.512, street), (width * 0.60, height)],
        fill=(*colours.light, 60),
    )
    _person(pen, width * 0.5, street + height * 0.012, height * 0.15, _mix(colours.near, (0, 0, 0), 0.5))


def _windows(
    pen: ImageDraw.ImageDraw,
    x: float,
    top: float,
    wide: float,
    height: int,
    colours: Palette,
    share: float,
    choice: random.Random,
) -> None:
    if share < 0.3:
        return
    columns, step = max(2, int(wide // (height * 0.013))), height * 0.016
    for row in range(int(height * 0.26 / step)):
        for column in range(columns):
            if choice.random() > 0.14:
                continue
            left, high = x + wide * (column + 0.3) / columns, top + step * (row + 0.7)
            pen.rectangle(
                [left, high, left + wide * 0.35 / columns, high + step * 0.42],
                fill=(*colours.accent, int(110 + 110 * share)),
            )


def _pine(
    pen: ImageDraw.ImageDraw, x: float, ground: float, size: float, colour: Colour, choice: random.Random
) -> None:
    pen.rectangle([x - size * 0.018, ground - size * 0.2, x + size * 0.018, ground + size * 0.05], fill=colour)
    for number in range(6):
        low = ground - size * (0.10 + 0.145 * number)
        half = size * (0.21 - 0.031 * number) * choice.uniform(0.85, 1.1)
        pen.polygon([(x - half, low), (x, low - size * 0.27), (x + half, low)], fill=colour)


def _forest(pen: ImageDraw.ImageDraw, size: tuple[int, int], colours: Palette, choice: random.Random) -> None:
    width, height = size
    for layer in range(4):
        share = layer / 3
        colour = _mix(colours.far, colours.near, share)
        ridge = _ridge(width, height * (0.58 + 0.08 * layer), height * 0.03, 0.5, choice)
        _fill(pen, ridge, height, colour)
        for number in range(34 - 6 * layer):
            x = width * (number + choice.uniform(-0.4, 0.4)) / (33 - 6 * layer)
            aside = abs(x / width - 0.5) * 2
            if layer > 1 and aside < 0.32:
                continue
            tall = height * choice.uniform(0.07, 0.12) * (1 + share * 1.3) * (0.7 + 0.7 * aside)
            _pine(pen, x, _at(ridge, x) + tall * 0.04, tall, colour, choice)
        if layer < 3:
            for band in range(5):
                y = height * (0.60 + 0.08 * layer) + band * height * 0.008
                pen.rectangle([0, y, width, y + height * 0.006], fill=(*colours.light, 10))
    _person(pen, width * 0.5, height * 0.79, height * 0.11, colours.near)
    _birds(pen, size, colours.near, choice)


def _space(pen: ImageDraw.ImageDraw, size: tuple[int, int], colours: Palette, choice: random.Random) -> None:
    width, height = size
    for _ in range(420):
        x, y = width * choice.random(), height * choice.random() ** 1.4 * 0.7
        dot = width * choice.choice((0.0006, 0.0009, 0.0009, 0.0018))
        pen.ellipse([x - dot, y - dot, x + dot, y + dot], fill=(255, 255, 255, choice.randint(70, 230)))
    x, y, radius = width * choice.choice((0.24, 0.78)), height * choice.uniform(0.16, 0.24), width * 0.11
    pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=_mix(colours.far, colours.near, 0.2))
    pen.chord([x - radius, y - radius, x + radius, y + radius], 20, 200, fill=_mix(colours.far, colours.near, 0.65))
    for wide in (1.75, 1.9, 2.05):
        box = [x - radius * wide, y - radius * wide * 0.22, x + radius * wide, y + radius * wide * 0.22]
        pen.arc(box, -18, 198, fill=(*colours.light, 190), width=max(2, int(radius * 0.035)))
    ridge: Points = []
    for layer in range(3):
        ridge = _ridge(width, height * (0.66 + 0.06 * layer), height * 0.045, 0.6, choice)
        _fill(pen, ridge, height, _mix(colours.far, colours.near, 0.35 + layer * 0.32))
    x = width * choice.uniform(0.42, 0.58)
    _person(pen, x, _at(ridge, x) + height * 0.005, height * 0.10, colours.near)


def _desert(pen: ImageDraw.ImageDraw, size: tuple[int, int], colours: Palette, choice: random.Random) -> None:
    width, height = size
    line: Points = []
    for layer in range(4):
        share = layer / 3
        phase, waves = choice.uniform(0, 6.28), choice.uniform(0.7, 1.5)
        base, swing = height * (0.56 + 0.085 * layer), height * (0.025 + 0.012 * layer)
        line = [
            (
                x,
                base
                + swing * math.sin(phase + waves * 6.28 * x / width)
                + swing * 0.35 * math.sin(phase * 2 + waves * 15 * x / width),
            )
            for x in range(0, width + 8, 8)
        ]
        _fill(pen, line, height, _mix(colours.far, colours.near, share))
        lit = [(x, y + height * 0.004) for x, y in line]
        pen.line(lit, fill=(*colours.light, int(150 * (1 - share))), width=max(2, height // 500))
    x = width * choice.uniform(0.35, 0.65)
    _person(pen, x, _at(line, x), height * 0.10, _mix(colours.near, (0, 0, 0), 0.4))
    _birds(pen, size, colours.near, choice)
