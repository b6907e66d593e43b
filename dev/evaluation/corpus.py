"""Parses a folder's documents into pages and chunks, as the ingestion does."""

import json
from pathlib import Path

import msgspec

from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.pages import Page
from lambda_src.document_reader.reader import open_document
from lambda_src.hr_qa.chunk import Chunk
from lambda_src.hr_qa.ingestion.chunking import chunk_pages, embedding_text
from lambda_src.hr_qa.ranking import Hit
from lambda_src.shared.file_types import PDF, content_type

MAX_PAGES = 5000
# Describes the folder.
_ABOUT = "README.md"


class ParsedDocument(msgspec.Struct, frozen=True):
    """One document's pages and chunks."""

    name: str
    title: str
    pages: list[Page]
    chunks: list[Chunk]


def read_folder(folder: Path) -> tuple[list[ParsedDocument], dict[str, str]]:
    """The readable documents, and the error codes of the others."""
    names = titles(folder)
    documents: list[ParsedDocument] = []
    refused: dict[str, str] = {}
    for path in sorted(path for path in folder.iterdir() if content_type(path.name) and path.name != _ABOUT):
        try:
            with open_document(path, MAX_PAGES) as document:
                pages = document.read(1, document.page_count)
        except UnreadableFileError as error:
            refused[path.name] = error.code
            continue
        title = names.get(path.name) or _first_heading(path, pages) or path.stem.replace("_", " ")
        documents.append(ParsedDocument(path.name, title, pages, chunk_pages(pages)))
    return documents, refused


def _first_heading(path: Path, pages: list[Page]) -> str:
    """The first heading of a document other than a PDF: the layout of PDFs does not tell titles from other headings."""
    blocks = pages[0].blocks if content_type(path.name) != PDF else ()
    return next((block.text for block in blocks if block.kind == "heading"), "")


def hits_of(documents: list[ParsedDocument]) -> list[Hit]:
    """All chunks as search hits, without scores."""
    return [
        Hit(
            document=document.name,
            ordinal=chunk.ordinal,
            page=chunk.page,
            title=document.title,
            heading=chunk.heading,
            text=chunk.text,
            sentences=chunk.sentences,
            language=chunk.language,
            score=0.0,
        )
        for document in documents
        for chunk in document.chunks
    ]


def texts_to_embed(documents: list[ParsedDocument]) -> list[str]:
    """The chunks' texts for embedding, in the order of `hits_of`."""
    return [embedding_text(document.title, chunk) for document in documents for chunk in document.chunks]


def titles(folder: Path) -> dict[str, str]:
    """Maps file names to titles, if the folder has a `MANIFEST.json`."""
    manifest = folder / "MANIFEST.json"
    if not manifest.is_file():
        return {}
    return {Path(entry["file"]).name: entry["title"] for entry in json.loads(manifest.read_bytes())}
