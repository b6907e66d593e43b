"""The files that can be read, by the extension of their name. The only place that lists them."""

FILE_TYPES = {".pdf": "application/pdf"}


def content_type(name: str) -> str | None:
    """The content type of a file with this name; None if it cannot be read."""
    _, dot, extension = name.lower().rpartition(".")
    return FILE_TYPES.get(dot + extension)
