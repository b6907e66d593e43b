"""What is read: the largest of the sample handbooks, and a document of thousands of pages made of them."""

import json
from pathlib import Path
from typing import NamedTuple

import pypdfium2 as pdfium

HANDBOOKS = Path(__file__).resolve().parents[3] / "samples" / "handbooks"
# What neither side can read.
_LEFT_OUT = ("encrypted", "scanned", "corrupt")


class Sample(NamedTuple):
    """A document to read."""

    name: str
    path: Path
    pages: int


def handbooks() -> list[Sample]:
    """Those that can be read, the one with the most pages first."""
    known = json.loads((HANDBOOKS / "MANIFEST.json").read_text("utf-8"))
    found = [
        Sample(one["title"], HANDBOOKS / Path(one["file"]).name, one["pages"])
        for one in known
        if one["kind"] not in _LEFT_OUT
    ]
    return sorted(found, key=lambda sample: -sample.pages)


def bound(path: Path, pages: int) -> Sample:
    """The handbooks one after the other, again and again, up to so many pages in one file."""
    target = pdfium.PdfDocument.new()
    sources = [pdfium.PdfDocument(one.path) for one in handbooks()]
    while len(target) < pages:
        for source in sources:
            wanted = range(min(len(source), pages - len(target)))
            if wanted:
                target.import_pages(source, list(wanted))
    target.save(path)
    for document in (*sources, target):
        document.close()
    return Sample(f"{pages:,} pages", path, pages)
