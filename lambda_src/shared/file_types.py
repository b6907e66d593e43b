"""The files that can be read, by the extension of their name. The only place that lists them."""

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
HTML = "text/html"
MARKDOWN = "text/markdown"
TEXT = "text/plain"
# The first extension of a type is that of files whose name has none. Macros are ignored.
FILE_TYPES = {
    ".pdf": PDF,
    ".docx": DOCX,
    ".docm": DOCX,
    ".pptx": PPTX,
    ".pptm": PPTX,
    ".html": HTML,
    ".htm": HTML,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".txt": TEXT,
}
_EXTENSIONS = {kind: extension for extension, kind in reversed(FILE_TYPES.items())}


def content_type(name: str) -> str | None:
    """The content type of a file with this name; None if it cannot be read."""
    _, dot, extension = name.lower().rpartition(".")
    return FILE_TYPES.get(dot + extension)


def extension(kind: str) -> str:
    """The extension of files with this content type."""
    return _EXTENSIONS[kind]


def file_name(name: str, kind: str) -> str:
    """The name with an extension of this content type."""
    return name if content_type(name) == kind else f"{name}{extension(kind)}"
