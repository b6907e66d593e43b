"""The content of `models.json` as JSON, and the file's layout: a line for each figure that changes on its own."""

import json
from pathlib import Path
from typing import Any

import msgspec

from lambda_src.shared import catalog as shared
from stacks.model_catalog import Catalog

Document = dict[str, Any]
FILE = shared.FILE
_ONE_LINE_EACH = {"parameters", "prices", "profiles"}


def read(path: Path = FILE) -> Document:
    """The committed catalog."""
    document: Document = json.loads(path.read_text("utf-8"))
    return document


def catalog(document: Document) -> Catalog:
    """Decodes the content. Raises `msgspec.ValidationError`."""
    return msgspec.convert(document, Catalog)


def render(document: Document) -> str:
    """The file's text."""
    sources = _members(2, {key: _line(source) for key, source in document["sources"].items()})
    routings = _members(
        2,
        {
            name: _members(3, {region: _line(reached) for region, reached in table.items()})
            for name, table in document["routings"].items()
        },
    )
    models = _members(2, {model_id: _row(row) for model_id, row in document["models"].items()})
    return _members(1, {"sources": sources, "routings": routings, "models": models}) + "\n"


def write(text: str, path: Path = FILE) -> None:
    """Replaces the file at once."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)


def _row(row: Document) -> str:
    def shown(name: str, value: Any) -> str:
        if name in _ONE_LINE_EACH and value:
            return _members(4, {key: _line(entry) for key, entry in value.items()})
        return _line(value)

    return _members(3, {name: shown(name, value) for name, value in row.items()})


def _members(indent: int, members: dict[str, str]) -> str:
    """An object with a member on each line."""
    lines = ",\n".join(f"{' ' * indent}{_line(name)}: {value}" for name, value in members.items())
    return f"{{\n{lines}\n{' ' * (indent - 1)}}}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
