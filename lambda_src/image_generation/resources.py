"""What the stack and the functions agree on: the place of images in the bucket."""

PREFIX = "images"


def object_key(image_id: str) -> str:
    """The key of an image's picture."""
    return f"{PREFIX}/{image_id}.png"


def thumbnail_key(image_id: str) -> str:
    """The key of an image's small copy."""
    return f"{PREFIX}/{image_id}.thumbnail.jpg"
