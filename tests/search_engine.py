"""OpenSearch Serverless in memory: ids of its own choice, delayed searchability, and the queries that the code uses."""

import json
import math
import threading
from typing import Any

Source = dict[str, Any]


class FakeSearch:
    """The `send` of an `Index`. Writes become searchable with `refresh()`, or at once without `lag`.

    An index exists once something was written to it, until it is dropped.
    """

    def __init__(self, *, lag: bool = True) -> None:
        self.documents: dict[str, Source] = {}
        self.searchable: dict[str, Source] = {}
        self.index_of: dict[str, str] = {}
        self.dropped: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.fail: list[int | BaseException] = []
        self._lag = lag
        self._lock = threading.Lock()
        self._count = 0

    def __call__(self, method: str, path: str, body: bytes, read_seconds: int) -> tuple[int, bytes]:
        with self._lock:
            self.requests.append((method, path))
            if self.fail:
                failure = self.fail.pop(0)
                if isinstance(failure, BaseException):
                    raise failure
                return failure, b'{"error": "simulated"}'
            lines = [json.loads(line) for line in body.split(b"\n") if line]
            _, index, *operation = path.split("/")
            if method == "DELETE":
                assert not operation
                return self._drop(index)
            if index in self.dropped and operation != ["_bulk"]:
                return 404, b'{"error": {"type": "index_not_found_exception"}}'
            call = {"_bulk": self._bulk, "_search": self._search, "_msearch": self._msearch}[operation[0]]
            answer = call(index, lines)
            if not self._lag:
                self.searchable = dict(self.documents)
            return 200, json.dumps(answer).encode()

    def refresh(self) -> None:
        self.searchable = dict(self.documents)

    def clear(self) -> None:
        """Deletes everything, as a new index has nothing."""
        self.documents, self.searchable = {}, {}

    def in_index(self, index: str) -> list[Source]:
        """The stored chunks of an index, searchable or not."""
        return [source for key, source in self.documents.items() if self.index_of[key] == index]

    def _drop(self, index: str) -> tuple[int, bytes]:
        self.dropped.append(index)
        for key in [key for key, name in self.index_of.items() if name == index]:
            self.documents.pop(key, None)
            self.searchable.pop(key, None)
        return 200, b"{}"

    def of(self, generation: str) -> list[Source]:
        """The stored chunks of a generation, searchable or not."""
        return [source for source in self.documents.values() if source["generation"] == generation]

    def _bulk(self, index: str, lines: list[Source]) -> Source:
        items = []
        while lines:
            action = lines.pop(0)
            if "index" in action:
                assert "_id" not in action["index"], "Serverless assigns ids itself"
                self._count += 1
                self.documents[f"id{self._count}"] = lines.pop(0)
                self.index_of[f"id{self._count}"] = index
                items.append({"index": {"status": 201}})
            else:
                deleted = self.documents.pop(action["delete"]["_id"], None)
                items.append({"delete": {"status": 200 if deleted else 404}})
        return {"errors": False, "items": items}

    def _msearch(self, index: str, lines: list[Source]) -> Source:
        return {"responses": [self._search(index, [query]) for query in lines[1::2]]}

    def _search(self, index: str, lines: list[Source]) -> Source:
        (query,) = lines
        there = [(key, source) for key, source in self.searchable.items() if self.index_of[key] == index]
        scored = [(self._score(query["query"], source), key, source) for key, source in there]
        matches = [match for match in scored if match[0] is not None]
        if "sort" in query:
            matches.sort(key=lambda match: match[2]["ordinal"])
        else:
            matches.sort(key=lambda match: -float(match[0] or 0))
        hits = [
            {"_id": key, "_score": score, "_source": source, "sort": [source["ordinal"]]}
            for score, key, source in matches[: query["size"]]
        ]
        return {"hits": {"hits": hits}}

    def _score(self, query: Source, source: Source) -> float | None:
        """The score of a chunk; None if it does not match."""
        ((query_type, content),) = query.items()
        if query_type == "knn":
            knn = content["vector"]
            if self._score(knn["filter"], source) is None:
                return None
            return (1 + _cosine(knn["vector"], source["vector"])) / 2
        if query_type == "match_all":
            return 1.0
        if query_type == "bool":
            included = all(self._score(part, source) is not None for part in content.get("filter", []))
            excluded = any(self._score(part, source) is not None for part in content.get("must_not", []))
            scores = [self._score(part, source) for part in content.get("must", [])]
            return sum(filter(None, scores)) if included and not excluded and None not in scores else None
        if query_type == "match":
            shared = set(content["terms"]["query"].split()) & set(source["terms"].split())
            return float(len(shared)) or None
        ((field, value),) = content.items()
        matches = {
            "term": lambda: source[field] == value,
            "terms": lambda: source[field] in value,
            "range": lambda: value["gte"] <= source[field] <= value["lte"],
        }[query_type]()
        return 1.0 if matches else None


def _cosine(first: list[float], second: list[float]) -> float:
    lengths = math.hypot(*first) * math.hypot(*second)
    return sum(a * b for a, b in zip(first, second, strict=True)) / lengths if lengths else 0.0
