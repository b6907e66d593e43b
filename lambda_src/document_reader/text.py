"""Reads plain text, Markdown and HTML in any usual encoding."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from lambda_src.document_reader.errors import TOO_COMPLEX, UNSUPPORTED, UnreadableFileError
from lambda_src.document_reader.outline import Outline, OutlinedDocument, cut
from lambda_src.shared.file_types import DOCX, HTML, MARKDOWN, PDF, PPTX, TEXT, content_type

_BINARY = (PDF, DOCX, PPTX)
_NOT_BINARY = (
    "The file has the name of a PDF, Word or PowerPoint file and is none of them. Save the document as PDF and upload "
    "that."
)
# A page of text has 3,000.
_MAX_BYTES = 32 * 1024**2
# Enough to detect an encoding.
_SAMPLE_BYTES = 64 * 1024
_WESTERN = "cp1252"
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# The charset that HTML declares, if it is one of the web's.
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?"
    rb"((?:iso-8859|windows|iso-2022|koi8|euc|shift|gb|big|utf|us)[-_]?\w{0,9}(?:-\w{1,5})?)",
    re.IGNORECASE,
)
_HTML = re.compile(
    r"\s{0,999}(?:(?:<\?xml[^>]{0,200}>|<!--.{0,2000}?-->)\s{0,99}){0,5}<(?:!doctype\s{1,9}html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_FRONT_MATTER = re.compile(r"---[ \t]{0,9}\r?\n(?:(?!---)[^\n]{0,999}\n){0,200}---[ \t]{0,9}(?:\r?\n|$)")
_ITEM = re.compile(r"\s{0,20}(?:[-*•–·]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
_UNDERLINE = re.compile(r"\s{0,3}(?:={3,200}|-{3,200})\s{0,9}$")
_MAX_HEADING = 80
# Text with longer lines has one for each paragraph.
_MAX_WRAPPED = 120
# The share of the longest line that a line which goes on has, at least.
_FULL_LINE = 0.6
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# Of a text's start: more is no text.
_MAX_CONTROLS = 0.01


def open_text(path: Path, on_page: Callable[[], None]) -> OutlinedDocument:
    """Opens a text. HTML is recognized by its start, Markdown and fragments of HTML only by the file's name. Raises
    `UnreadableFileError`, also for a text with the name of another type: an error page instead of a PDF, perhaps."""
    kind = content_type(path.name)
    if kind in _BINARY:
        raise UnreadableFileError("unsupported_type", _NOT_BINARY)
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise UnreadableFileError("too_complex", TOO_COMPLEX)
    text = decode(content)
    kind = HTML if _HTML.match(text) else kind
    if kind == HTML:
        from lambda_src.document_reader.html import read_html

        outline = read_html(text)
    elif kind == MARKDOWN:
        from lambda_src.document_reader.html import read_html
        from lambda_src.document_reader.markdown import to_html

        outline = read_html(to_html(_FRONT_MATTER.sub("", text, count=1) if text.startswith("---") else text))
    else:
        kind = TEXT
        outline = read_text(text)
    return OutlinedDocument(cut(outline, on_page), kind, 0)


def decode(content: bytes) -> str:
    """The text in the encoding of its byte order mark, UTF-8, the one it declares, or the likeliest one. Raises
    `UnreadableFileError` for what is no text."""
    text = _decoded(content).removeprefix("\ufeff")
    start = text[:_SAMPLE_BYTES]
    if len(_CONTROLS.findall(start)) > len(start) * _MAX_CONTROLS:
        raise UnreadableFileError("unsupported_type", UNSUPPORTED)
    return text


def _decoded(content: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if b"\0" in content:
        raise UnreadableFileError("unsupported_type", UNSUPPORTED)
    declared = _CHARSET.search(content[:1024])
    encodings = ["utf-8", *([declared[1].decode("ascii", "replace")] if declared else [])]
    # Encodings that switch by escapes are valid UTF-8, too.
    for encoding in reversed(encodings) if b"\x1b" in content else encodings:
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    from charset_normalizer import from_bytes

    matches = from_bytes(content[:_SAMPLE_BYTES])
    best = matches.best()
    if best is None:
        raise UnreadableFileError("unsupported_type", UNSUPPORTED)
    # Central Europe's encoding is listed first where both give words.
    western = any(match.encoding == _WESTERN and match.chaos <= best.chaos for match in matches)
    return content.decode(_WESTERN if western else best.encoding, "replace")


def read_text(text: str) -> Outline:
    """The paragraphs of plain text. Lines in capitals and underlined ones are headings."""
    outline = Outline()
    lines = text.replace("\f", "\n\n").splitlines()
    longest = max(map(len, lines), default=0)
    paragraph: list[str] = []
    for line, following in pairwise([*lines, ""]):
        if paragraph and _UNDERLINE.match(line):
            continue
        if _is_heading(line, following, after_blank=not paragraph):
            outline.heading(2 if following.strip().startswith("-") or not _UNDERLINE.match(following) else 1, line)
            continue
        if paragraph and (not line.strip() or _ITEM.match(line) or _ends(paragraph[-1], longest)):
            outline.paragraph(" ".join(paragraph))
            paragraph = []
        if line.strip() and not _UNDERLINE.match(line):
            paragraph.append(line)
    outline.paragraph(" ".join(paragraph))
    return outline


def _ends(line: str, longest: int) -> bool:
    """Whether a paragraph ends with the line: it is not wrapped to the width of the text."""
    return longest > _MAX_WRAPPED or len(line) < _FULL_LINE * longest


def _is_heading(line: str, following: str, *, after_blank: bool) -> bool:
    title = line.strip()
    if not after_blank or not title or len(title) > _MAX_HEADING or _UNDERLINE.match(line):
        return False
    if _UNDERLINE.match(following):
        return True
    letters = sum(character.isalpha() for character in title)
    return not following.strip() and letters > 3 and title.isupper()
