"""Photos are prepared before they are sent: upright, reduced, without metadata. What can't be sent is refused."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import streamlit as st
from PIL import Image, PngImagePlugin
from pillow_heif import from_pillow

from ui import photos
from ui.photo_converter import MAX_BYTES, MAX_MEGAPIXELS, MAX_SIDE, Refused, convert
from ui.photos import MAX_COUNT, Converted

ORIENTATION, MAKER, GPS = 0x0112, 0x010F, 0x8825
LEFT, RIGHT = (200, 30, 30), (30, 30, 200)


def photo(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), LEFT)
    image.paste(RIGHT, (width // 2, 0, width, height))
    return image.convert(mode)


def encoded(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, image_format, **options)
    return data.getvalue()


def heic(image: Image.Image, **options: Any) -> bytes:
    data = io.BytesIO()
    from_pillow(image).save(data, quality=80, **options)
    return data.getvalue()


def exif(orientation: int = 1) -> bytes:
    tags = Image.Exif()
    tags[ORIENTATION], tags[MAKER] = orientation, "Secret Phone"
    tags.get_ifd(GPS)[1] = "N"
    return tags.tobytes()


def converted(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(convert(data)))
    image.load()
    assert (image.format, image.mode) == ("JPEG", "RGB")
    return image


def is_close(color: Any, expected: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(color, expected, strict=True))


def png_of_zeros(width: int, height: int) -> bytes:
    """A file of a few kilobytes with any number of pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(bytes(1000 * 1000), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_upright_and_without_metadata(image_format: str, orientation: int) -> None:
    upright = photo()
    stored = {
        1: None, 2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM",
        5: "TRANSPOSE", 6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270",
    }[orientation]  # fmt: skip
    image = upright.transpose(Image.Transpose[stored]) if stored else upright
    data = encoded(image, image_format, exif=exif(orientation))
    assert b"Secret Phone" in data

    result = convert(data)
    small = Image.open(io.BytesIO(result))

    assert small.size == (60, 40)
    assert is_close(small.getpixel((5, 20)), LEFT)
    assert is_close(small.getpixel((55, 20)), RIGHT)
    assert not small.getexif()
    assert b"Secret" not in result


def test_comments_profiles_and_what_follows_the_photo_are_left_out() -> None:
    xmp = b"<x:xmpmeta>Secret place</x:xmpmeta>"
    jpeg = encoded(photo(), comment=b"Secret comment", icc_profile=b"Secret profile", xmp=xmp)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Location", "Secret", zip=False)
    for data in (jpeg + b"Secret trailer", encoded(photo(), "PNG", pnginfo=texts)):
        assert b"Secret" in data
        assert b"Secret" not in convert(data)


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_photos_of_an_iphone_are_read(orientation: int) -> None:
    image = photo(120, 80) if orientation == 1 else photo(120, 80).transpose(Image.Transpose.ROTATE_90)
    small = converted(heic(image, exif=exif(orientation)))
    assert small.size == (120, 80)
    assert is_close(small.getpixel((5, 40)), LEFT)
    assert not small.getexif()


@pytest.mark.parametrize(("size", "expected"), [((4000, 3000), (2000, 1500)), ((1000, 5000), (400, 2000))])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_a_large_photo_is_reduced(size: tuple[int, int], expected: tuple[int, int], image_format: str) -> None:
    assert converted(encoded(photo(*size), image_format)).size == expected


def test_any_five_photos_fit_a_request() -> None:
    noise = Image.merge("RGB", [Image.effect_noise((MAX_SIDE, MAX_SIDE), 120) for _ in range(3)])
    result = convert(encoded(noise, quality=98))
    assert MAX_COUNT * len(result) <= MAX_COUNT * MAX_BYTES <= 4 * 1024 * 1024
    assert Image.open(io.BytesIO(result)).size[0] >= MAX_SIDE / 2


@pytest.mark.parametrize(
    ("mode", "image_format", "options"),
    [
        ("CMYK", "JPEG", {}), ("L", "JPEG", {}), ("RGB", "JPEG", {"progressive": True}), ("1", "PNG", {}),
        ("P", "PNG", {}), ("LA", "PNG", {}), ("RGBA", "PNG", {}), ("RGBA", "WEBP", {"lossless": True}),
    ],
)  # fmt: skip
def test_every_kind_of_photo_is_converted(mode: str, image_format: str, options: dict[str, Any]) -> None:
    small = converted(encoded(photo(mode=mode), image_format, **options))
    assert small.size == (60, 40)
    if mode in ("CMYK", "P", "RGBA"):
        assert is_close(small.getpixel((5, 20)), LEFT)


def test_transparency_becomes_white() -> None:
    image = photo(mode="RGBA")
    image.putalpha(0)
    palette = Image.new("P", (60, 40))
    for data in (encoded(image, "PNG"), encoded(image, "WEBP"), encoded(palette, "PNG", transparency=0)):
        assert converted(data).getpixel((5, 20)) == (255, 255, 255)


def test_sixteen_bits_of_gray_keep_their_shades() -> None:
    row = struct.pack("<60H", *[0x4000] * 30, *[0xC000] * 30)
    image = Image.frombytes("I;16", (60, 40), row * 40)
    small = converted(encoded(image, "PNG"))
    assert is_close(small.getpixel((5, 20)), (64, 64, 64))
    assert is_close(small.getpixel((55, 20)), (192, 192, 192))


def test_a_photo_with_another_version_behind_it_is_a_photo() -> None:
    data = encoded(photo(), "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40), "white")])
    assert is_close(converted(data).getpixel((5, 20)), LEFT)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")
def test_damaged_metadata_does_not_spoil_a_photo() -> None:
    for damaged in (b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", exif()[:40], b"Exif\0\0nonsense"):
        assert converted(encoded(photo(), exif=damaged)).size == (60, 40)
    number_out_of_range = exif(6).replace(b"\x02\0\0\0\x02N", b"\x02\0\0\xea\x02N")
    assert number_out_of_range != exif(6)
    assert converted(encoded(photo(), exif=number_out_of_range)).size == (40, 60)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"x", "not_a_photo"),
        (b"%PDF-1.7 not a photo", "not_a_photo"),
        (encoded(photo(), "TIFF"), "not_a_photo"),
        (encoded(photo(), "GIF"), "animated"),
        (png_of_zeros(8000, 8000), "too_many_pixels"),
        (png_of_zeros(10_000, 10_000), "too_many_pixels"),
        (png_of_zeros(60_000, 60_000), "too_many_pixels"),
    ],
)
def test_what_is_no_photo_is_refused(data: bytes, refusal: str) -> None:
    with pytest.raises(Refused, match=refusal):
        convert(data)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_an_animation_is_refused(image_format: str) -> None:
    frames = [photo(), Image.new("RGB", (60, 40), "white")]
    with pytest.raises(Refused, match="animated"):
        convert(encoded(frames[0], image_format, save_all=True, append_images=frames[1:]))


def test_the_limit_of_pixels_is_above_what_phones_take() -> None:
    assert 50 < MAX_MEGAPIXELS < 100


@pytest.mark.parametrize(
    "data",
    [
        encoded(photo(600, 400))[:2000],
        encoded(photo(600, 400), "PNG")[:300],
        encoded(photo(600, 400), "WEBP")[:100],
        heic(photo(120, 80))[:-200],
        encoded(photo())[:2] + b"\xff" * 100,
        b"\0\0\0\x18ftypheic" + b"\0" * 100,
        # Fewer rows than its header promises.
        png_of_zeros(5000, 5000),
    ],
)
def test_a_damaged_photo_is_refused(data: bytes) -> None:
    assert photos.convert(data) == Converted(refusal="unreadable")


def test_a_photo_is_converted_in_a_process_of_its_own() -> None:
    result = photos.convert(encoded(photo(), "PNG"))
    assert Image.open(io.BytesIO(result.data)).size == (60, 40)
    assert photos.convert(b"nothing").refusal == "not_a_photo"


@pytest.mark.parametrize(
    "script",
    [
        "import os; os.abort()",
        "import sys; sys.stdin.buffer.read(); sys.stdout.write('ok\\n')",
        "print('surprise')",
        "import time; time.sleep(60)",
        "bytes(10 ** 12)",
    ],
)
def test_a_process_that_is_lost_is_an_unreadable_photo(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converter = tmp_path / "converter.py"
    converter.write_text(script)
    monkeypatch.setattr(photos, "_CONVERTER", converter)
    monkeypatch.setattr(photos, "_SECONDS", 2)
    assert photos.convert(encoded(photo())).refusal == "unreadable"


def test_the_process_has_no_credentials_and_few_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    script = tmp_path / "converter.py"
    folder = Path(photos.__file__).parent
    script.write_text(
        f"import sys; sys.path.append({str(folder)!r})\n"
        "import os, resource\nfrom photo_converter import limit_process\nlimit_process()\n"
        "soft = resource.getrlimit\n"
        "print('ok')\nprint('AWS_SECRET_ACCESS_KEY' in os.environ, soft(resource.RLIMIT_FSIZE)[0],"
        " 0 < soft(resource.RLIMIT_CPU)[0] < 60, 0 < soft(resource.RLIMIT_AS)[0] < 2 ** 31)\n"
    )
    monkeypatch.setattr(photos, "_CONVERTER", script)
    assert photos.convert(b"").data.decode() == "False 0 True True\n"


class Upload(NamedTuple):
    """Streamlit's uploaded file."""

    file_id: str
    content: bytes = b""
    name: str = "a_b.jpg"

    @property
    def size(self) -> int:
        return len(self.content)

    def getvalue(self) -> bytes:
        return self.content


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A session, in which a photo is converted to its reversed bytes."""
    state: dict[str, Any] = {"converted": []}

    def convert(data: bytes) -> Converted:
        state["converted"].append(data)
        return Converted(data[::-1])

    monkeypatch.setattr(photos, "convert", convert)
    monkeypatch.setattr(st, "session_state", state)
    return state


def test_a_photo_is_prepared_once_and_forgotten_when_it_is_removed(session: dict[str, Any]) -> None:
    first, second = Upload("1", b"one"), Upload("2", b"two")
    for files in ([first], [first], [first, second], [first, second]):
        assert photos.prepare(files, "here").items[0]["data"] == "ZW5v"
    assert session["converted"] == [b"one", b"two"]
    photos.prepare([second], "here")
    assert session["photos here"] == {"2": Converted(b"owt")}
    photos.prepare([first], "elsewhere")
    assert session["converted"] == [b"one", b"two", b"one"]


def test_empty_and_large_files_are_refused_unread(session: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "MAX_MEGABYTES", 1)
    files = [Upload("1"), Upload("2", b"one"), Upload("3", bytes(1024**2 + 1), "c.heic")]
    prepared = photos.prepare(files, "here")
    assert prepared.problem == (
        "a\\_b\\.jpg is empty. Choose another photo.  \nc\\.heic has more than 1 MB. Choose a smaller photo."
    )
    assert len(prepared.items) == 1
    assert session["converted"] == [b"one"]
