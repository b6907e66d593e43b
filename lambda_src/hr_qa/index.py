"""The chunk index: OpenSearch over signed HTTP requests with botocore alone (importing opensearch-py takes 250 ms).

OpenSearch Serverless assigns ids itself, has no refresh and no delete by query, and makes a write searchable seconds
later. So a chunk may be stored twice, and readers skip duplicates.
"""

import hashlib
import itertools
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session

from lambda_src.hr_qa.chunk import Chunk
from lambda_src.hr_qa.ranking import Hit
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared import aws
from lambda_src.shared.context import Deadline
from lambda_src.shared.errors import DeadlineExceeded, Throttled, Unavailable
from lambda_src.shared.observability import logger

ATTEMPTS = 4
FIRST_BACKOFF_SECONDS = 0.2
# A collection that has scaled to zero takes 10-30 s for its first request.
WAKING_SECONDS = 20
READ_SECONDS = (24, 12, 6, 3, 1)
RETRIED_STATUSES = {429, 500, 502, 503, 504}
# OpenSearch Serverless refuses requests until it enforces a new access policy, for up to a minute. These attempts take
# about ten seconds; then callers and the queue retry.
FORBIDDEN = 403
NOT_FOUND = 404
FORBIDDEN_ATTEMPTS = 6
PAGE = 1_000
MAX_ORDINAL = 2**31 - 1
# How many hits each search passes to the ranking: of all documents, and of those in other languages or named ones.
CANDIDATES = 50
MORE_CANDIDATES = 25
# The fields of a hit. The vector and the search terms are not needed.
RETURNED = ["document", "ordinal", "page", "heading", "text", "sentences", "language"]

Send = Callable[[str, str, bytes, int], tuple[int, bytes]]


class MissingIndexError(Unavailable):
    """The index does not exist."""


class EmbeddedChunk(msgspec.Struct, frozen=True):
    """A chunk with its search terms and its vector."""

    chunk: Chunk
    terms: str
    vector: list[float]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A search in some generations. `language`: the question's, "" if it has none.

    `named`: documents that the question names, and their generations.
    """

    generations: Sequence[str]
    vector: list[float]
    terms: str
    language: str
    named: frozenset[str] = frozenset()
    named_generations: Sequence[str] = ()


class Index:
    """One index. `send(method, path, body, read seconds)` returns status and body."""

    def __init__(
        self, settings: HrSettings, send: Send | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._settings = settings
        self._path = f"/{settings.search_index}"
        self._send = send or _sender(settings.search_endpoint, settings.search_service)
        self._sleep = sleep

    def named(self, name: str) -> "Index":
        """Another index of the same store."""
        other = Index(self._settings, self._send, self._sleep)
        other._path = f"/{name}"
        return other

    def find(
        self, deadline: Deadline, queries: Sequence[Query], titles: Mapping[str, str]
    ) -> list[tuple[list[Hit], list[Hit]]]:
        """Semantic hits (score: cosine) and lexical hits (score: BM25) of each query, in one round trip.

        Semantic hits are the nearest chunks of all, the nearest in other languages than the question's, because an
        embedding model prefers that one, and the nearest in documents that the question names. `titles`: document id ->
        name.
        """
        searches = [_searches(query) for query in queries]
        body = b"".join(_json_lines([{}, search]) for group in searches for search in group)
        answers = self._request_json(deadline, "POST", "/_msearch", body)["responses"]
        for answer in answers:
            if "error" in answer:
                raise self._unavailable(answer.get("status", 0), msgspec.json.encode(answer["error"]))
        results = []
        position = 0
        for group in searches:
            *semantic, lexical = answers[position : position + len(group)]
            position += len(group)
            # OpenSearch's score for a cosine c is (1 + c) / 2.
            dense = _hits(semantic, titles, lambda score: 2 * score - 1)
            results.append((dense, _hits([lexical], titles, lambda score: score)))
        return results

    def write(self, deadline: Deadline, document_id: str, generation: str, chunks: Iterable[EmbeddedChunk]) -> None:
        """Stores the chunks of a generation. A retry may store one twice."""
        rows = [_row(document_id, generation, chunk) for chunk in chunks]
        for attempt in range(1, ATTEMPTS + 1):
            if not rows:
                return
            body = b"".join(_json_lines([{"index": {}}, row]) for row in rows)
            answer = self._request_json(deadline, "POST", "/_bulk", body)
            results = [item["index"] for item in answer["items"]]
            for result in results:
                failed = "error" in result
                if failed and (result["status"] not in RETRIED_STATUSES or attempt == ATTEMPTS):
                    raise self._unavailable(result["status"], msgspec.json.encode(result["error"]))
            rows = [row for row, result in zip(rows, results, strict=True) if "error" in result]
            if rows:
                self._back_off(deadline, attempt)

    def ordinals(
        self, deadline: Deadline, generation: str, first: int = 0, last: int = MAX_ORDINAL
    ) -> dict[int, list[str]]:
        """Ordinal -> ids of the chunks of a generation that are searchable now."""
        ids_by_ordinal: dict[int, list[str]] = {}
        start = first
        while True:
            query = {
                "size": PAGE,
                "_source": False,
                "query": {
                    "bool": {
                        "filter": [
                            {"term": {"generation": generation}},
                            {"range": {"ordinal": {"gte": start, "lte": last}}},
                        ]
                    }
                },
                "sort": [{"ordinal": "asc"}],
            }
            hits = self._search(deadline, query)
            fresh = False
            for hit in hits:
                ids = ids_by_ordinal.setdefault(hit["sort"][0], [])
                if hit["_id"] not in ids:
                    ids.append(hit["_id"])
                    fresh = True
            if len(hits) < PAGE or not fresh:
                return ids_by_ordinal
            # Starts at the last ordinal again: its duplicates may be on both sides of the page's end.
            start = hits[-1]["sort"][0]

    def generations(self, deadline: Deadline, document_id: str, excluding: Iterable[str] = ()) -> dict[str, str]:
        """Chunk id -> generation, for up to a thousand chunks of a document in other generations than `excluding`. An
        index that does not exist has none."""
        query = {
            "size": PAGE,
            "_source": ["generation"],
            "query": {
                "bool": {
                    "filter": [{"term": {"document": document_id}}],
                    "must_not": [{"terms": {"generation": list(excluding)}}],
                }
            },
        }
        try:
            return {hit["_id"]: hit["_source"]["generation"] for hit in self._search(deadline, query)}
        except MissingIndexError:
            return {}

    def delete(self, deadline: Deadline, ids: Sequence[str]) -> None:
        """Deletes chunks by id. Ignores those that no longer exist."""
        for start in range(0, len(ids), PAGE):
            body = _json_lines({"delete": {"_id": chunk_id}} for chunk_id in ids[start : start + PAGE])
            for item in self._request_json(deadline, "POST", "/_bulk", body)["items"]:
                if item["delete"]["status"] not in (200, 404):
                    raise self._unavailable(item["delete"]["status"], msgspec.json.encode(item["delete"]))

    def create(self, deadline: Deadline, definition: dict[str, Any]) -> None:
        """Creates the index where no template does (on a domain). An existing one stays unchanged."""
        status, body = self._request(deadline, "PUT", "", msgspec.json.encode(definition))
        if status >= 300 and b"resource_already_exists" not in body:
            raise self._unavailable(status, body)

    def is_empty(self, deadline: Deadline) -> bool:
        """Whether no chunk is searchable, of any stage."""
        return not self._search(deadline, {"size": 1, "_source": False, "query": {"match_all": {}}})

    def drop(self, deadline: Deadline) -> None:
        """Deletes the index. Does nothing when it does not exist."""
        status, body = self._request(deadline, "DELETE", "", b"")
        if status >= 300 and status != NOT_FOUND:
            raise self._unavailable(status, body)

    def _search(self, deadline: Deadline, query: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self._request_json(deadline, "POST", "/_search", msgspec.json.encode(query))
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits

    def _request_json(self, deadline: Deadline, method: str, path: str, body: bytes) -> dict[str, Any]:
        status, answer = self._request(deadline, method, path, body)
        if status >= 300:
            raise self._unavailable(status, answer)
        content: dict[str, Any] = msgspec.json.decode(answer)
        return content

    def _request(self, deadline: Deadline, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        for attempt in itertools.count(1):
            try:
                status, answer = self._send(method, self._path + path, body, _read_seconds(deadline))
            except HTTPClientError as error:
                if attempt >= ATTEMPTS or deadline.seconds_left < READ_SECONDS[-1]:
                    logger.warning("search failed", error=type(error).__name__)
                    raise self._unavailable(0, b"") from error
            else:
                if attempt >= _attempts(status):
                    return status, answer
            self._back_off(deadline, attempt)
        raise AssertionError("unreachable")

    def _back_off(self, deadline: Deadline, attempt: int) -> None:
        backoff = random.uniform(0.5, 1.0) * FIRST_BACKOFF_SECONDS * 2**attempt
        deadline.require(backoff + READ_SECONDS[-1])
        self._sleep(backoff)

    @staticmethod
    def _unavailable(status: int, answer: bytes) -> Throttled | Unavailable:
        logger.warning("search failed", status=status, reason=_error_type(answer))
        if status == 429:
            return Throttled("The document search takes no more requests at the moment.", retry_after=2)
        error = MissingIndexError if status == NOT_FOUND else Unavailable
        return error(
            "The document search cannot be reached at the moment; it may be starting up.", retry_after=WAKING_SECONDS
        )


def _attempts(status: int) -> int:
    """How many attempts may end with this status."""
    if status == FORBIDDEN:
        return FORBIDDEN_ATTEMPTS
    return ATTEMPTS if status in RETRIED_STATUSES else 1


def _error_type(answer: bytes) -> str:
    """The type of OpenSearch's error. Its message may repeat the query, which must not be logged."""
    try:
        content = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        return "not JSON"
    error = content.get("error", content) if isinstance(content, dict) else content
    return str(error.get("type", "unknown")) if isinstance(error, dict) else type(error).__name__


def _read_seconds(deadline: Deadline) -> int:
    for seconds in READ_SECONDS:
        if seconds <= deadline.seconds_left:
            return seconds
    raise DeadlineExceeded("The request was not finished in time. Try again, or ask for less.")


def _json_lines(values: Iterable[Any]) -> bytes:
    return b"".join(msgspec.json.encode(value) + b"\n" for value in values)


def _row(document_id: str, generation: str, embedded: EmbeddedChunk) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(embedded.chunk),
        "document": document_id,
        "generation": generation,
        "terms": embedded.terms,
        "vector": embedded.vector,
    }


def _searches(query: Query) -> list[dict[str, Any]]:
    """The bodies of the searches. The last one is lexical."""
    in_generations = {"terms": {"generation": list(query.generations)}}
    searches = [_search_body(CANDIDATES, _nearest(query.vector, CANDIDATES, [in_generations]))]
    if query.language:
        foreign = {"bool": {"must_not": [{"terms": {"language": [query.language, ""]}}]}}
        nearest = _nearest(query.vector, MORE_CANDIDATES, [in_generations, foreign])
        searches.append(_search_body(MORE_CANDIDATES, nearest))
    if query.named_generations:
        named = {"terms": {"generation": list(query.named_generations)}}
        searches.append(_search_body(MORE_CANDIDATES, _nearest(query.vector, MORE_CANDIDATES, [named])))
    match = {"match": {"terms": {"query": query.terms}}}
    searches.append(_search_body(CANDIDATES, {"bool": {"must": [match], "filter": [in_generations]}}))
    return searches


def _nearest(vector: list[float], count: int, filters: list[dict[str, Any]]) -> dict[str, Any]:
    return {"knn": {"vector": {"vector": vector, "k": count, "filter": {"bool": {"filter": filters}}}}}


def _search_body(size: int, query: dict[str, Any]) -> dict[str, Any]:
    return {"size": size, "_source": RETURNED, "query": query}


def _hits(answers: Iterable[dict[str, Any]], titles: Mapping[str, str], score: Callable[[float], float]) -> list[Hit]:
    """The hits of one kind of search, best first, without duplicates."""
    hits: dict[tuple[str, int], Hit] = {}
    for answer in answers:
        for entry in answer["hits"]["hits"]:
            source = entry["_source"]
            title = titles.get(source["document"], "")
            hit = msgspec.convert({**source, "title": title, "score": score(entry["_score"])}, Hit)
            hits.setdefault(hit.key, hit)
    return sorted(hits.values(), key=lambda hit: -hit.score)


@cache
def _http(read_seconds: int) -> URLLib3Session:
    # botocore's clients read this variable themselves; its plain sessions do not.
    verify: Any = os.environ.get("AWS_CA_BUNDLE") or True
    return URLLib3Session(verify=verify, timeout=(aws.CONNECT_SECONDS, read_seconds), max_pool_connections=16)


def _sender(endpoint: str, service: str) -> Send:
    session = aws.session()
    region = session.get_config_variable("region")

    def send(method: str, path: str, body: bytes, read_seconds: int) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/x-ndjson" if b"\n" in body else "application/json"}
        # Serverless requires the body's hash as a header.
        headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
        request = AWSRequest(method=method, url=endpoint.rstrip("/") + path, data=body, headers=headers)
        SigV4Auth(session.get_credentials().get_frozen_credentials(), service, region).add_auth(request)
        response = _http(read_seconds).send(request.prepare())
        return response.status_code, response.content

    return send
