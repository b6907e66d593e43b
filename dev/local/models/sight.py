"""
Describes a photo by measurements: the local model cannot see it.

The description covers size, brightness, contrast, and colors. It never claims what the photo shows.
"""

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dev.local.models.errors import invalid

_MAX_PIXELS = 64_000_000
_NAMES = {
    "black": (20, 20, 20), "white": (240, 240, 240), "gray": (128, 128, 128), "red": (190, 40, 40),
    "orange": (225, 130, 40), "yellow": (230, 210, 60), "green": (60, 140, 70), "turquoise": (60, 170, 170),
    "blue": (50, 90, 180), "violet": (120, 70, 160), "pink": (225, 150, 180), "brown": (110, 75, 45),
    "beige": (215, 195, 160),
}  # fmt: skip
# Pillow refuses some parts of files, such as long compressed comments, with a `ValueError`.
_UNREADABLE = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def _open(data: bytes, declared: str) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data))
        if picture.width * picture.height > _MAX_PIXELS:
            raise invalid("The image is too large.")
        actual = (picture.format or "").lower()
        # Cameras append other pictures to a JPEG file; readers that do not know them show the first one.
        actual = "jpeg" if actual == "mpo" else actual
        if actual != declared:
            raise invalid(f"The image is {actual or 'unknown'}, its format says {declared}.")
        return ImageOps.exif_transpose(picture).convert("RGB")
    except _UNREADABLE as failure:
        raise invalid("Could not process image.") from failure


def _colors(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> list[str]:
    names = list(_NAMES)
    table = np.array(list(_NAMES.values()), dtype=np.float32)
    distances = ((pixels[:, None, :] - table[None]) ** 2).sum(axis=2)
    counts = np.bincount(distances.argmin(axis=1), minlength=len(names)) / len(pixels)
    order = np.argsort(-counts)
    return [f"{names[index]} ({counts[index]:.0%})" for index in order[:3] if counts[index] >= 0.08]


def describe(data: bytes, declared: str) -> str:
    """One or two sentences about the photo. Raises `ModelError` if the data does not have the declared format."""
    picture = _open(data, declared)
    width, height = picture.size
    shape = "square" if abs(width - height) < 0.05 * width else ("landscape" if width > height else "portrait")
    small = np.asarray(picture.resize((64, 64), Image.Resampling.BOX), dtype=np.float32)
    gray = small.mean(axis=2)
    light = "dark" if gray.mean() < 70 else ("bright" if gray.mean() > 175 else "medium")
    contrast = "low" if gray.std() < 25 else ("strong" if gray.std() > 65 else "moderate")
    colors = ", ".join(_colors(small.reshape(-1, 3)))
    return (
        f"The photo is a {shape} picture of {width} x {height} pixels, {light} in brightness with {contrast} contrast. "
        f"Its main colors are {colors or 'mixed'}."
    )


def tokens(data: bytes) -> int:
    """An image's tokens by Anthropic's rule of thumb: pixels / 750, for at most 1.15 megapixels."""
    try:
        width, height = Image.open(io.BytesIO(data)).size
    except _UNREADABLE:
        return 0
    return min(width * height, 1_150_000) // 750
