"""The local model reads the photos that the API accepts, or refuses them as Bedrock does."""

import io
import struct
import zlib

import pytest
from PIL import Image

from dev.local.models import sight
from dev.local.models.errors import ModelError


def test_a_jpeg_with_more_than_one_picture_is_a_jpeg() -> None:
    file = io.BytesIO()
    pictures = [Image.new("RGB", (64, 32), color) for color in ("red", "blue")]
    pictures[0].save(file, "MPO", save_all=True, append_images=pictures[1:])

    assert "64 x 32 pixels" in sight.describe(file.getvalue(), "jpeg")
    assert sight.tokens(file.getvalue()) == 64 * 32 // 750


def test_a_png_with_a_long_compressed_comment_is_refused() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    header, rest = file.getvalue()[:33], file.getvalue()[33:]
    comment = b"zTXtComment\0\0" + zlib.compress(b"x" * 3_000_000)
    data = header + struct.pack(">I", len(comment) - 4) + comment + struct.pack(">I", zlib.crc32(comment)) + rest

    with pytest.raises(ModelError, match="Could not process image"):
        sight.describe(data, "png")
    assert sight.tokens(data) == 0
