"""What the stack and the functions agree on: the place of images in the bucket."""

PREFIX = "images"


def object_key(image_id: str) -> str:
    """The key of an image's picture."""
    return f"{PREFIX}/{image_id}.png"
