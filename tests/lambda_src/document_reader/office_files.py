"""Small Word and PowerPoint files, and changes to their parts that the libraries cannot make."""

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import docx
import pptx
from docx.document import Document as WordDocument


def word(build: Callable[[WordDocument], Any]) -> bytes:
    """A Word document with what `build` adds."""
    document = docx.Document()
    build(document)
    return _saved(document)


def slides(build: Callable[[Any], Any]) -> bytes:
    """A presentation with what `build` adds."""
    presentation = pptx.Presentation()
    build(presentation)
    return _saved(presentation)


def word_body(body: str, **parts: str) -> bytes:
    """A minimal Word document with this XML as its body, and further parts by kind: `styles`, `footnotes` ..."""
    relations = "".join(
        f'<Relationship Id="r{number}" Type="http://x/{kind}" Target="{kind}.xml"/>'
        for number, kind in enumerate(parts)
    )
    return container(
        {
            "_rels/.rels": _relationships('<Relationship Id="r1" Type="x/officeDocument" Target="word/document.xml"/>'),
            "word/_rels/document.xml.rels": _relationships(relations),
            "word/document.xml": _word("document", f"<w:body>{body}</w:body>"),
            **{f"word/{kind}.xml": _word(kind, content) for kind, content in parts.items()},
        }
    )


def container(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()


def changed(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The ZIP file with one part changed."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        parts = {each: file.read(each) for each in file.namelist()}
    return container({**parts, name: change(parts[name])})


def _saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _word(root: str, content: str) -> str:
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return f'<w:{root} xmlns:w="{main}" xmlns:mc="x/mc" xmlns:v="x/v" xmlns:o="x/o">{content}</w:{root}>'


def _relationships(content: str) -> str:
    return f'<Relationships xmlns="x/relationships">{content}</Relationships>'
