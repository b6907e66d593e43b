"""The format of a photo follows from its bytes."""

from hypothesis import given
from hypothesis import strategies as st

from lambda_src.shared.photos import photo_format


@given(st.binary(max_size=32))
def test_the_first_bytes_decide_the_format(data: bytes) -> None:
    is_image = (
        data[:3] == b"\xff\xd8\xff" or data[:8] == b"\x89PNG\r\n\x1a\n" or (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    )
    assert (photo_format(data) is not None) == is_image


def test_webp() -> None:
    assert photo_format(b"RIFF\0\0\0\0WEBPVP8 ") == "webp"
