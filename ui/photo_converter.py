"""
Converts one photo, in a process of its own: photos come from anywhere, and decoders have had critical bugs.

`python photo_converter.py`: reads the photo from standard input and writes a line with the outcome to standard output:
`ok`, followed by the JPEG, or the name of a `REFUSALS`. A process that ends without one met a file that no decoder
reads, or its limits of memory and time.
"""

import io
import resource
import sys
from typing import Any

from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError, WebPImagePlugin

# Phones take up to 50 million pixels by default.
MAX_MEGAPIXELS = 60
REFUSALS = ("too_many_pixels", "animated", "not_a_photo")
# Models see less, and every further pixel costs tokens.
MAX_SIDE = 2000
# Five photos, as many as a request may have, fit the APIs' 4 MB together.
MAX_BYTES = 4 * 1024 * 1024 // 5
# JPEG includes MPO, which some phones write: a JPEG with another version of the photo behind it.
_PLUGINS = (JpegImagePlugin.JpegImageFile, PngImagePlugin.PngImageFile, WebPImagePlugin.WebPImageFile)
_FORMATS = tuple(plugin.format for plugin in _PLUGINS)
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUALITIES = (90, 80, 65, 50)
_MEMORY_BYTES = 1536 * 1024**2
_CPU_SECONDS = 30


class Refused(Exception):
    """The photo can't be sent. The argument is one of `REFUSALS`."""


def convert(data: bytes, max_side: int = MAX_SIDE) -> bytes:
    """The photo upright, reduced, as a JPEG without metadata. Raises `Refused`, and what decoders raise."""
    with _open(data) as image:
        # Decodes a large JPEG at a half, a quarter or an eighth of its size.
        image.draft("RGB", (max_side, max_side))
        photo = _opaque(image)
    photo.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    photo = _upright(photo)
    # Pillow would write a comment into the new file.
    photo.info.clear()
    return _encode(photo)


def _open(data: bytes) -> Image.Image:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        from pillow_heif import HeifImageFile, options

        # The photo itself, not a small copy that may show something else.
        options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
        heif_image_file: Any = HeifImageFile
        image: Image.Image = heif_image_file(io.BytesIO(data))
    else:
        image = _open_by_pillow(data)
    if image.width * image.height > MAX_MEGAPIXELS * 1_000_000:
        raise Refused("too_many_pixels")
    # Several pictures in a JPEG or HEIC are versions of one.
    if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
        raise Refused("animated")
    return image


def _open_by_pillow(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError:
        if data.startswith(_BEGINNINGS):
            # A damaged photo.
            raise
        raise Refused("animated" if data.startswith((b"GIF87a", b"GIF89a")) else "not_a_photo") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused("too_many_pixels") from None


def _opaque(image: Image.Image) -> Image.Image:
    """The image in RGB, on white where it is transparent."""
    if image.mode.startswith("I"):
        # 16 bits of gray: Pillow would cut off all but the darkest 256 shades.
        gray = image.convert("I").point(lambda shade: shade / 256).convert("L")
        gray.info = image.info
        return gray.convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    opaque = Image.new("RGB", layer.size, "white")
    opaque.paste(layer, mask=layer.getchannel("A"))
    opaque.info = image.info
    return opaque


def _upright(photo: Image.Image) -> Image.Image:
    # Pillow's `exif_transpose` writes the metadata again, and fails where they are damaged elsewhere.
    try:
        turn = _TURNS.get(photo.getexif().get(ExifTags.Base.Orientation, 1))
    except SyntaxError:
        return photo
    return photo.transpose(turn) if turn is not None else photo


def _encode(photo: Image.Image) -> bytes:
    while True:
        for quality in _QUALITIES:
            data = io.BytesIO()
            photo.save(data, "JPEG", quality=quality)
            if data.tell() <= MAX_BYTES:
                return data.getvalue()
        photo.thumbnail((photo.width * 3 // 4, photo.height * 3 // 4))


def limit_process() -> None:
    """Limits this process's memory and CPU time, and lets it write no files."""
    limits = {resource.RLIMIT_CPU: _CPU_SECONDS, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    if sys.platform == "linux":
        # macOS refuses it.
        limits[resource.RLIMIT_AS] = _MEMORY_BYTES
    for name, limit in limits.items():
        resource.setrlimit(name, (limit, limit))


def main() -> None:
    """One photo."""
    limit_process()
    try:
        outcome = b"ok\n" + convert(sys.stdin.buffer.read())
    except Refused as refusal:
        outcome = f"{refusal}\n".encode()
    sys.stdout.buffer.write(outcome)


if __name__ == "__main__":
    main()
