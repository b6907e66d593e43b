"""The index of chunks: OpenSearch over HTTP, signed, on botocore alone (opensearch-py would cost each start 250 ms).

What OpenSearch Serverless does not have is not used: ids are the service's own, nothing is refreshed or deleted by
query, and a write is searchable only seconds later. A chunk may therefore be there twice; readers take it once.
"""

import hashlib
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

from lambda_src.hr_qa.ranking import Hit
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared import aws
from lambda_src.shared.context import Deadline
from lambda_src.shared.errors import DeadlineExceeded, Throttled, Unavailable
from lambda_src.shared.observability import logger

ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.2
# A collection that has scaled to zero needs 10-30 s for its first request.
WAKING_SECONDS = 20
READ_SECONDS = (24, 12, 6, 3, 1)
RETRIED = {429, 500, 502, 503, 504}
PAGE = 1_000
# What each search gives to the ranking.
CANDIDATES = 50
FOREIGN_CANDIDATES = 25
# What a search gives back; the vector and the search terms are of no use to anybody.
RETURNED = ["document", "ordinal", "page", "heading", "text", "sentences", "language"]

Send = Callable[[str, str, bytes, int], tuple[int, bytes]]


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk as it is stored. `sentences`: where each starts in `text`. `ordinal` is unique in its generation."""

    document: str
    generation: str
    ordinal: int
    page: int
    heading: str
    text: str
    sentences: tuple[int, ...]
    language: str


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, and where. `language`: the question's, "" when it is not clear."""

    generations: Sequence[str]
    vector: list[float]
    terms: str
    language: str


class Index:
    """One index. `send(method, path, body, read seconds)` gives status and body; tests hand in a fake."""

    def __init__(
        self, settings: HrSettings, send: Send | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._path = f"/{settings.search_index}"
        self._send = send or _sender(settings.search_endpoint, settings.search_service)
        self._sleep = sleep

    def find(self, deadline: Deadline, query: "Query", titles: Mapping[str, str]) -> tuple[list[Hit], list[Hit]]:
        """The nearest chunks by meaning (score: cosine) and by words (score: BM25), in one round trip.

        Those by meaning are the nearest of all and the nearest in other languages than the question's: an embedding
        model prefers the question's own. `titles`: document -> its name.
        """
        only = {"terms": {"generation": list(query.generations)}}
        searches = [(CANDIDATES, _near(query.vector, CANDIDATES, [only]))]
        if query.language:
            foreign = {"bool": {"must_not": [{"terms": {"language": [query.language, ""]}}]}}
            searches.append((FOREIGN_CANDIDATES, _near(query.vector, FOREIGN_CANDIDATES, [only, foreign])))
        words = {"bool": {"must": [{"match": {"terms": {"query": query.terms}}}], "filter": [only]}}
        searches.append((CANDIDATES, words))
        lines = [{} if half == 0 else _search_body(*search) for search in searches for half in (0, 1)]
        answers = self._json(deadline, "POST", "/_msearch", _lines(lines))["responses"]
        for answer in answers:
            if "error" in answer:
                raise self._unavailable(answer.get("status", 0), msgspec.json.encode(answer["error"]))
        # OpenSearch's score for a cosine c is (1 + c) / 2.
        dense = _hits(answers[:-1], titles, lambda score: 2 * score - 1)
        return dense, _hits(answers[-1:], titles, lambda score: score)

    def write(self, deadline: Deadline, chunks: Iterable[tuple[Chunk, str, list[float]]]) -> None:
        """Stores chunks with their search terms and vectors; once each if nothing fails on the way."""
        waiting = [{**msgspec.to_builtins(chunk), "terms": terms, "vector": vector} for chunk, terms, vector in chunks]
        for attempt in range(1, ATTEMPTS + 1):
            if not waiting:
                return
            body = b"".join(_lines([{"index": {}}, one]) for one in waiting)
            items = self._json(deadline, "POST", "/_bulk", body)["items"]
            failed = [
                (one, item["index"]) for one, item in zip(waiting, items, strict=True) if "error" in item["index"]
            ]
            for _, item in failed:
                if item["status"] not in RETRIED or attempt == ATTEMPTS:
                    raise self._unavailable(item["status"], msgspec.json.encode(item["error"]))
            waiting = [one for one, _ in failed]
            if waiting:
                self._pause(deadline, attempt)

    def ordinals(
        self, deadline: Deadline, generation: str, first: int = 0, last: int = 2**31 - 1
    ) -> dict[int, list[str]]:
        """Ordinal -> the service's ids of a generation's chunks that are searchable by now."""
        only = [{"term": {"generation": generation}}, {"range": {"ordinal": {"gte": first, "lte": last}}}]
        found: dict[int, list[str]] = {}
        after: list[Any] | None = None
        while True:
            query: dict[str, Any] = {
                "size": PAGE,
                "_source": False,
                "query": {"bool": {"filter": only}},
                "sort": [{"ordinal": "asc"}],
            }
            if after:
                # Chunks of one ordinal may lie on both sides of a page's end: they are met again, and counted once.
                query["query"]["bool"]["filter"] = [only[0], {"range": {"ordinal": {"gte": after[0], "lte": last}}}]
            hits = self._search(deadline, query)
            fresh = False
            for hit in hits:
                ids = found.setdefault(hit["sort"][0], [])
                if hit["_id"] not in ids:
                    ids.append(hit["_id"])
                    fresh = True
            if len(hits) < PAGE or not fresh:
                return found
            after = hits[-1]["sort"]

    def generations(self, deadline: Deadline, document: str, but: Iterable[str] = ()) -> dict[str, str]:
        """Id -> generation of some (a thousand at most) of a document's chunks, `but` for those of some generations."""
        query = {
            "size": PAGE,
            "_source": ["generation"],
            "query": {
                "bool": {
                    "filter": [{"term": {"document": document}}],
                    "must_not": [{"terms": {"generation": list(but)}}],
                }
            },
        }
        return {hit["_id"]: hit["_source"]["generation"] for hit in self._search(deadline, query)}

    def delete(self, deadline: Deadline, ids: Sequence[str]) -> None:
        """Removes chunks by the service's ids; one that is gone already is no error."""
        for start in range(0, len(ids), PAGE):
            body = _lines({"delete": {"_id": one}} for one in ids[start : start + PAGE])
            for item in self._json(deadline, "POST", "/_bulk", body)["items"]:
                if item["delete"]["status"] not in (200, 404):
                    raise self._unavailable(item["delete"]["status"], msgspec.json.encode(item["delete"]))

    def create(self, deadline: Deadline, definition: dict[str, Any]) -> None:
        """Makes the index where no template did (a domain's). One that is there stays as it is."""
        status, body = self._call(deadline, "PUT", "", msgspec.json.encode(definition))
        if status >= 300 and b"resource_already_exists" not in body:
            raise self._unavailable(status, body)

    def _search(self, deadline: Deadline, query: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self._json(deadline, "POST", "/_search", msgspec.json.encode(query))
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits

    def _json(self, deadline: Deadline, method: str, path: str, body: bytes) -> dict[str, Any]:
        status, answer = self._call(deadline, method, path, body)
        if status >= 300:
            raise self._unavailable(status, answer)
        content: dict[str, Any] = msgspec.json.decode(answer)
        return content

    def _call(self, deadline: Deadline, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, answer = self._send(method, self._path + path, body, _read_seconds(deadline))
            except HTTPClientError as error:
                if attempt == ATTEMPTS or deadline.seconds_left < READ_SECONDS[-1]:
                    logger.warning("search failed", error=type(error).__name__)
                    raise self._unavailable(0, b"") from error
            else:
                if status not in RETRIED or attempt == ATTEMPTS:
                    return status, answer
            self._pause(deadline, attempt)
        raise AssertionError("unreachable")

    def _pause(self, deadline: Deadline, attempt: int) -> None:
        pause = random.uniform(0.5, 1.0) * FIRST_PAUSE_SECONDS * 2**attempt
        deadline.require(pause + READ_SECONDS[-1])
        self._sleep(pause)

    @staticmethod
    def _unavailable(status: int, answer: bytes) -> Throttled | Unavailable:
        logger.warning("search failed", status=status, reason=_reason(answer))
        if status == 429:
            return Throttled("The document search takes no more requests at the moment.", retry_after=2)
        return Unavailable(
            "The document search cannot be reached at the moment; it may be waking up.", retry_after=WAKING_SECONDS
        )


def _reason(answer: bytes) -> str:
    """The kind of an error. Not its message, which may repeat what was asked."""
    try:
        content = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        return "no JSON"
    error = content.get("error", content) if isinstance(content, dict) else content
    return str(error.get("type", "unknown")) if isinstance(error, dict) else type(error).__name__


def _read_seconds(deadline: Deadline) -> int:
    for seconds in READ_SECONDS:
        if seconds <= deadline.seconds_left:
            return seconds
    raise DeadlineExceeded("The request was not finished in time. Try again, or ask for less.")


def _lines(values: Iterable[Any]) -> bytes:
    return b"".join(msgspec.json.encode(value) + b"\n" for value in values)


def _near(vector: list[float], count: int, filters: list[dict[str, Any]]) -> dict[str, Any]:
    return {"knn": {"vector": {"vector": vector, "k": count, "filter": {"bool": {"filter": filters}}}}}


def _search_body(size: int, query: dict[str, Any]) -> dict[str, Any]:
    return {"size": size, "_source": RETURNED, "query": query}


def _hits(answers: Iterable[dict[str, Any]], titles: Mapping[str, str], score: Callable[[float], float]) -> list[Hit]:
    """The hits of one kind of search, best first, each chunk once."""
    found: dict[tuple[str, int], Hit] = {}
    for answer in answers:
        for one in answer["hits"]["hits"]:
            source = one["_source"]
            title = titles.get(source["document"], "")
            hit = msgspec.convert({**source, "title": title, "score": score(one["_score"])}, Hit)
            found.setdefault(hit.key, hit)
    return sorted(found.values(), key=lambda hit: -hit.score)


@cache
def _http(read_seconds: int) -> URLLib3Session:
    # botocore's clients read this variable themselves; its plain sessions do not.
    trust: Any = os.environ.get("AWS_CA_BUNDLE") or True
    return URLLib3Session(verify=trust, timeout=(aws.CONNECT_SECONDS, read_seconds), max_pool_connections=16)


def _sender(endpoint: str, service: str) -> Send:
    session = aws.session()
    region = session.get_config_variable("region")

    def send(method: str, path: str, body: bytes, read_seconds: int) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/x-ndjson" if b"\n" in body else "application/json"}
        # Serverless wants the body's hash as a header of its own.
        headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
        request = AWSRequest(method=method, url=endpoint.rstrip("/") + path, data=body, headers=headers)
        SigV4Auth(session.get_credentials().get_frozen_credentials(), service, region).add_auth(request)
        response = _http(read_seconds).send(request.prepare())
        return response.status_code, response.content

    return send
