"""
Index names. One engine serves all collections, so index names in the engine have the collection's id as a prefix.
Callers neither send nor see the prefix.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dev.local.search.operations import EVERYTHING

NO_CUSTOM_ID = "Document ID is not supported in create/index operation request"


class BadBody(ValueError):
    """An invalid request body."""


@dataclass
class Rewritten:
    """
    A body with the engine's index names.

    :param indices: the caller's index names, for the permission check.
    :param refused: results of items that are not forwarded, by position.
    """

    body: bytes
    indices: set[str] = field(default_factory=set)
    refused: dict[int, dict[str, Any]] = field(default_factory=dict)
    forwarded: int = 0


class Names:
    """The index names of one collection."""

    def __init__(self, collection: str) -> None:
        self._prefix = f"aoss-{collection}."

    def engine(self, expression: str) -> str:
        """Converts an index expression (names and wildcards, separated by commas) to the engine's names."""
        return ",".join(self._prefix + self._plain(part) for part in parts(expression))

    def _plain(self, part: str) -> str:
        # The engine rejects these characters in names; here they could reach other collections.
        return part.lstrip("-+<")

    def caller(self, answer: bytes) -> bytes:
        """Converts a response to the caller's names: `_index`, keys of mappings, and error messages."""
        return answer.replace(self._prefix.encode(), b"")

    def bulk(self, body: bytes, default: str, *, custom_ids: bool) -> Rewritten:
        """Rewrites actions and their documents. Raises `BadBody`."""
        out: list[bytes] = []
        result = Rewritten(b"")
        lines = iter(line for line in body.split(b"\n") if line.strip())
        for position, line in enumerate(lines):
            action, target = _action(line)
            source = None if action == "delete" else next(lines, None)
            if action != "delete" and source is None:
                raise BadBody("The bulk request must be terminated by a newline [\\n]")
            index = str(target.get("_index") or default)
            result.indices.update(parts(index))
            if not custom_ids and _chooses_id(action, target, source):
                result.refused[position] = {action: _refused_item(index, target)}
                continue
            out.append(_line({action: {**target, "_index": self.engine(index)}} if index else {action: target}))
            out += [source] if source is not None else []
            result.forwarded += 1
        result.body = b"\n".join(out) + b"\n" if out else b""
        return result

    def msearch(self, body: bytes, default: str) -> Rewritten:
        """Rewrites headers and their searches. Raises `BadBody`."""
        out: list[bytes] = []
        result = Rewritten(b"")
        lines = body.rstrip(b"\n").split(b"\n")
        if len(lines) % 2:
            raise BadBody("msearch: each header needs its body")
        for header_line, search in zip(lines[::2], lines[1::2], strict=True):
            header = _object(header_line or b"{}")
            requested: Any = header.get("index") or default or EVERYTHING
            expression = ",".join(map(str, requested)) if isinstance(requested, list) else str(requested)
            result.indices.update(parts(expression))
            out += [_line({**header, "index": self.engine(expression)}), search]
        result.body = b"\n".join(out) + b"\n"
        return result

    def mget(self, body: bytes, default: str) -> Rewritten:
        """Rewrites requests for documents by index and id. Raises `BadBody`."""
        content = _object(body)
        result = Rewritten(b"", set(parts(default)) if default else set())
        for document in content.get("docs", []):
            if isinstance(document, dict) and "_index" in document:
                result.indices.update(parts(str(document["_index"])))
                document["_index"] = self.engine(str(document["_index"]))
        result.body = _line(content)
        return result


def parts(expression: str) -> list[str]:
    """The names in an index expression. `_all` and an empty expression mean all indices."""
    names = [part.strip() for part in expression.split(",") if part.strip()]
    return [EVERYTHING if part == "_all" else part for part in names]


def merged(answer: bytes, refused: dict[int, dict[str, Any]]) -> bytes:
    """Inserts refused items into a bulk response at their positions."""
    content: dict[str, Any] = json.loads(answer) if answer else {"took": 0, "items": []}
    items = list(content.get("items", []))
    for position in sorted(refused):
        items.insert(position, refused[position])
    return _line({**content, "errors": True, "items": items})


def _action(line: bytes) -> tuple[str, dict[str, Any]]:
    content = _object(line)
    if len(content) != 1:
        raise BadBody("Malformed action/metadata line")
    action, target = next(iter(content.items()))
    if action not in ("index", "create", "update", "delete") or not isinstance(target, dict):
        raise BadBody(f"Malformed action/metadata line, found [{action}]")
    return action, target


def _chooses_id(action: str, target: dict[str, Any], source: bytes | None) -> bool:
    if action == "update":
        return not {"upsert", "doc_as_upsert"}.isdisjoint(_object(source or b"{}"))
    return action in ("index", "create") and target.get("_id") is not None


def _refused_item(index: str, target: dict[str, Any]) -> dict[str, Any]:
    error = {"type": "illegal_argument_exception", "reason": NO_CUSTOM_ID}
    return {"_index": index, "_id": target.get("_id"), "status": 400, "error": error}


def _object(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as failure:
        raise BadBody(f"not JSON: {failure}") from failure
    if not isinstance(content, dict):
        raise BadBody("a JSON object is expected")
    return content


def _line(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def to_authorize(expressions: Iterable[str]) -> set[str]:
    """The index names to authorize; a request without names applies to all indices."""
    return {part for expression in expressions for part in parts(expression)} or {EVERYTHING}
