"""The benchmark's documents: the largest sample handbooks, and a combination of them with thousands of pages."""

import json
from pathlib import Path
from typing import NamedTuple

import pypdfium2 as pdfium

HANDBOOKS = Path(__file__).resolve().parents[3] / "samples" / "handbooks"
# Neither side can read these.
_UNREADABLE = ("encrypted", "scanned", "corrupt")


class Sample(NamedTuple):
    """A document to ingest."""

    name: str
    path: Path
    pages: int


def handbooks() -> list[Sample]:
    """The readable handbooks, longest first."""
    entries = json.loads((HANDBOOKS / "MANIFEST.json").read_text("utf-8"))
    samples = [
        Sample(entry["title"], HANDBOOKS / Path(entry["file"]).name, entry["pages"])
        for entry in entries
        if entry["kind"] not in _UNREADABLE
    ]
    return sorted(samples, key=lambda sample: -sample.pages)


def combined(path: Path, pages: int) -> Sample:
    """Combines the handbooks repeatedly into one file with the given number of pages."""
    target = pdfium.PdfDocument.new()
    sources = [pdfium.PdfDocument(handbook.path) for handbook in handbooks()]
    while len(target) < pages:
        for source in sources:
            numbers = range(min(len(source), pages - len(target)))
            if numbers:
                target.import_pages(source, list(numbers))
    target.save(path)
    for document in (*sources, target):
        document.close()
    return Sample(f"{pages:,} pages", path, pages)
