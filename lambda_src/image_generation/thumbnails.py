"""Small copies of images, for galleries: about 30 kB instead of one to three megabytes."""

import io

MAX_SIDE = 480
CONTENT_TYPE = "image/jpeg"
_QUALITY = 75


def thumbnail(png: bytes) -> bytes:
    """A JPEG of an image, with its long side reduced to `MAX_SIDE` pixels. Pillow's errors are of many types."""
    # Most requests need no thumbnail, and importing Pillow takes 60 ms.
    from PIL import Image, PngImagePlugin

    with PngImagePlugin.PngImageFile(io.BytesIO(png)) as image:
        small = image.convert("RGBA") if image.has_transparency_data else image.convert("RGB")
        small.thumbnail((MAX_SIDE, MAX_SIDE))
    if small.mode == "RGBA":
        # JPEG has no transparency.
        background = Image.new("RGB", small.size, "white")
        background.paste(small, mask=small.getchannel("A"))
        small = background
    # Nothing of the image's text chunks: models write their parameters there.
    small.info.clear()
    data = io.BytesIO()
    small.save(data, "JPEG", quality=_QUALITY)
    return data.getvalue()
