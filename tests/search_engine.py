"""OpenSearch Serverless in memory: its own ids, writes that become searchable later, and the few queries in use."""

import json
import math
import threading
from typing import Any

Source = dict[str, Any]


class FakeSearch:
    """The `send` of an `Index`. `refresh()` makes what was written so far searchable; `lag` False does so at once."""

    def __init__(self, *, lag: bool = True) -> None:
        self.documents: dict[str, Source] = {}
        self.searchable: dict[str, Source] = {}
        self.requests: list[tuple[str, str]] = []
        self.fail: list[int | BaseException] = []
        self._lag = lag
        self._lock = threading.Lock()
        self._made = 0

    def __call__(self, method: str, path: str, body: bytes, read_seconds: int) -> tuple[int, bytes]:
        with self._lock:
            self.requests.append((method, path))
            if self.fail:
                failure = self.fail.pop(0)
                if isinstance(failure, BaseException):
                    raise failure
                return failure, b'{"error": "simulated"}'
            lines = [json.loads(line) for line in body.split(b"\n") if line]
            operation = path.rpartition("/")[2]
            answer = {"_bulk": self._bulk, "_search": self._search, "_msearch": self._msearch}[operation](lines)
            if not self._lag:
                self.searchable = dict(self.documents)
            return 200, json.dumps(answer).encode()

    def refresh(self) -> None:
        self.searchable = dict(self.documents)

    def of(self, generation: str) -> list[Source]:
        """What is stored of a generation, searchable or not."""
        return [one for one in self.documents.values() if one["generation"] == generation]

    def _bulk(self, lines: list[Source]) -> Source:
        items = []
        while lines:
            action = lines.pop(0)
            if "index" in action:
                assert "_id" not in action["index"], "serverless gives ids itself"
                self._made += 1
                self.documents[f"id{self._made}"] = lines.pop(0)
                items.append({"index": {"status": 201}})
            else:
                found = self.documents.pop(action["delete"]["_id"], None)
                items.append({"delete": {"status": 200 if found else 404}})
        return {"errors": False, "items": items}

    def _msearch(self, lines: list[Source]) -> Source:
        return {"responses": [self._search([query]) for query in lines[1::2]]}

    def _search(self, lines: list[Source]) -> Source:
        (query,) = lines
        scored = [(self._score(query["query"], one), key, one) for key, one in self.searchable.items()]
        found = [row for row in scored if row[0] is not None]
        if "sort" in query:
            found.sort(key=lambda row: row[2]["ordinal"])
        else:
            found.sort(key=lambda row: -float(row[0] or 0))
        hits = [{"_id": key, "_score": score, "_source": one, "sort": [one["ordinal"]]} for score, key, one in found][
            : query["size"]
        ]
        return {"hits": {"hits": hits}}

    def _score(self, query: Source, one: Source) -> float | None:
        ((kind, content),) = query.items()
        if kind == "knn":
            near = content["vector"]
            if self._score(near["filter"], one) is None:
                return None
            return (1 + _cosine(near["vector"], one["vector"])) / 2
        if kind == "bool":
            kept = all(self._score(part, one) is not None for part in content.get("filter", []))
            banned = any(self._score(part, one) is not None for part in content.get("must_not", []))
            scores = [self._score(part, one) for part in content.get("must", [])]
            return sum(filter(None, scores)) if kept and not banned and None not in scores else None
        if kind == "match":
            shared = set(content["terms"]["query"].split()) & set(one["terms"].split())
            return float(len(shared)) or None
        ((field, value),) = content.items()
        good = {
            "term": lambda: one[field] == value,
            "terms": lambda: one[field] in value,
            "range": lambda: value["gte"] <= one[field] <= value["lte"],
        }[kind]()
        return 1.0 if good else None


def _cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0
