"""Thumbnails are small JPEGs without anything that is written in the image's file."""

import io
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from lambda_src.image_generation.thumbnails import MAX_SIDE, thumbnail


def encoded(image: Image.Image, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG", **options)
    return data.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("size", "expected"), [((1024, 1536), (320, MAX_SIDE)), ((1568, 672), (MAX_SIDE, 206)), ((2, 3), (2, 3))]
)
def test_the_long_side_is_reduced(size: tuple[int, int], expected: tuple[int, int]) -> None:
    small = opened(thumbnail(encoded(Image.new("RGB", size, "#204060"))))
    assert (small.format, small.size) == ("JPEG", expected)


def test_a_thumbnail_of_a_busy_image_is_small() -> None:
    busy = Image.merge("RGB", [Image.effect_noise((64, 96), 60) for _ in range(3)]).resize((1024, 1536))
    data = encoded(busy)
    assert len(data) > 1_000_000
    assert len(thumbnail(data)) < 50_000


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "I;16"])
def test_every_kind_of_png_has_a_thumbnail(mode: str) -> None:
    assert opened(thumbnail(encoded(Image.new(mode, (20, 30))))).mode == "RGB"


def test_transparency_becomes_white() -> None:
    small = opened(thumbnail(encoded(Image.new("RGBA", (20, 30), (0, 0, 0, 0)))))
    assert small.getpixel((5, 5)) == (255, 255, 255)


def test_texts_in_the_file_are_left_out() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("comment", "a secret prompt")
    data = encoded(Image.new("RGB", (20, 30)), pnginfo=texts)
    assert b"secret" in data
    assert b"secret" not in thumbnail(data)


def test_pillow_is_imported_for_the_first_thumbnail_only() -> None:
    code = "import sys, lambda_src.image_generation.service; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
