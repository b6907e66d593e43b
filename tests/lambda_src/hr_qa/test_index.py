"""The index over a search engine in memory, whose writes become searchable later, as on AWS."""

from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from lambda_src.hr_qa.chunk import Chunk
from lambda_src.hr_qa.index import EmbeddedChunk, Index, Query, _sender
from lambda_src.hr_qa.ranking import Hit
from lambda_src.shared.context import Deadline
from lambda_src.shared.errors import DeadlineExceeded, Throttled, Unavailable
from tests.lambda_src.hr_qa.world import DIMENSIONS, hr_settings, vector
from tests.search_engine import FakeSearch


def embedded(ordinal: int, text: str = "words", language: str = "en") -> EmbeddedChunk:
    chunk = Chunk(ordinal=ordinal, page=1, heading="", text=text, sentences=(0,), language=language)
    return EmbeddedChunk(chunk, text, vector(text))


def index_over(search: FakeSearch) -> Index:
    return Index(hr_settings(), search, lambda seconds: None)


def filled(*chunks: EmbeddedChunk) -> tuple[Index, FakeSearch]:
    """An index with these chunks of the document `d` in the generation `g`."""
    search = FakeSearch(lag=False)
    index = index_over(search)
    index.write(Deadline(9), "d", "g", chunks)
    return index, search


def find(index: Index, text: str, *generations: str, language: str = "en") -> tuple[list[Hit], list[Hit]]:
    query = Query(generations=generations or ("g",), vector=vector(text), terms=text, language=language)
    ((dense, lexical),) = index.find(Deadline(9), [query], {"d": "Title"})
    return dense, lexical


def test_several_queries_are_one_request() -> None:
    index, search = filled(embedded(1, "sick leave"), embedded(2, "parking"))
    before = len(search.requests)
    queries = [
        Query(generations=("g",), vector=vector(text), terms=text, language="en") for text in ("leave", "parking")
    ]
    results = index.find(Deadline(9), queries, {"d": "Title"})
    assert len(search.requests) == before + 1
    assert [[hit.ordinal for hit in lexical] for _, lexical in results] == [[1], [2]]


def test_a_named_document_is_searched_on_its_own() -> None:
    index, _ = filled(*(embedded(number, "leave", "en") for number in range(60)))
    index.write(Deadline(9), "named", "n", [embedded(1, "something else")])
    query = Query(generations=("g", "n"), vector=vector("leave"), terms="leave", language="en")
    ((dense, _),) = index.find(Deadline(9), [query], {})
    assert "named" not in {hit.document for hit in dense}
    named = Query(
        generations=("g", "n"),
        vector=vector("leave"),
        terms="leave",
        language="en",
        named=frozenset({"named"}),
        named_generations=("n",),
    )
    ((dense, _),) = index.find(Deadline(9), [named], {})
    assert "named" in {hit.document for hit in dense}


def test_one_request_searches_semantically_and_lexically() -> None:
    index, search = filled(embedded(1, "sick leave"), embedded(2, "parking"), embedded(3, "licença médica", "pt"))
    before = len(search.requests)

    dense, lexical = find(index, "sick leave")

    assert search.requests[before:] == [("POST", "/chunks/_msearch")]
    assert dense[0].text == "sick leave"
    assert dense[0].score == pytest.approx(1)
    assert dense[0].title == "Title"
    assert {hit.ordinal for hit in dense} == {1, 2, 3}
    assert [hit.ordinal for hit in lexical] == [1]


def test_only_the_requested_generations_are_searched() -> None:
    index, _ = filled(embedded(1, "leave"))
    index.write(Deadline(9), "d", "old", [embedded(1, "leave")])
    dense, lexical = find(index, "leave", "old")
    assert len(dense) == len(lexical) == 1
    assert find(index, "leave", "none") == ([], [])


def test_a_chunk_that_is_stored_twice_is_found_once() -> None:
    index, _ = filled(embedded(1, "leave"), embedded(1, "leave"))
    assert [len(hits) for hits in find(index, "leave")] == [1, 1]
    assert {ordinal: len(ids) for ordinal, ids in index.ordinals(Deadline(9), "g").items()} == {1: 2}


def test_ordinals_are_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambda_src.hr_qa.index.PAGE", 3)
    index, _ = filled(*(embedded(ordinal) for ordinal in (1, 2, 2, 3, 4, 5, 6)))
    assert sorted(index.ordinals(Deadline(9), "g")) == [1, 2, 3, 4, 5, 6]
    assert sorted(index.ordinals(Deadline(9), "g", 2, 4)) == [2, 3, 4]


def test_chunks_of_other_generations_are_listed_and_deleted() -> None:
    index, search = filled(embedded(1))
    index.write(Deadline(9), "d", "old", [embedded(1)])
    index.write(Deadline(9), "other", "x", [embedded(1)])
    strays = index.generations(Deadline(9), "d", ["g"])
    assert list(strays.values()) == ["old"]
    index.delete(Deadline(9), [*strays, "deleted already"])
    assert len(search.documents) == 2


@pytest.mark.parametrize("failure", [503, 429, ConnectionClosedError(endpoint_url="x")])
def test_transient_failures_are_retried(failure: Any) -> None:
    search = FakeSearch(lag=False)
    search.fail = [failure, failure]
    index_over(search).write(Deadline(9), "d", "g", [embedded(1)])
    assert len(search.documents) == 1


def test_only_the_failed_items_of_a_bulk_request_are_retried() -> None:
    search = FakeSearch(lag=False)
    failures: list[int] = []

    def send(method: str, path: str, body: bytes, read_seconds: int) -> tuple[int, bytes]:
        status, answer = search(method, path, body, read_seconds)
        if not failures:
            failures.append(1)
            search.documents.popitem()
            answer = answer[: answer.rindex(b'{"index"')] + (b'{"index": {"status": 429, "error": {"type": "busy"}}}]}')
        return status, answer

    index = Index(hr_settings(), send, lambda seconds: None)
    index.write(Deadline(9), "d", "g", [embedded(number) for number in (1, 2)])
    assert sorted(source["ordinal"] for source in search.documents.values()) == [1, 2]


@pytest.mark.parametrize(
    ("failures", "error"),
    [([503] * 4, Unavailable), ([429] * 4, Throttled), ([400], Unavailable), ([403] * 6, Unavailable)],
)
def test_permanent_failures_are_errors(failures: list[Any], error: type[Exception]) -> None:
    search = FakeSearch()
    search.fail = list(failures)
    with pytest.raises(error):
        index_over(search).ordinals(Deadline(20), "g")
    assert len(search.requests) == len(failures)


def test_a_new_access_policy_is_waited_for() -> None:
    search = FakeSearch()
    search.fail = [403] * 5
    waits: list[float] = []

    assert Index(hr_settings(), search, waits.append).ordinals(Deadline(20), "g") == {}
    assert 5 < sum(waits) < 15


def test_without_time_left_no_request_is_sent() -> None:
    search = FakeSearch()
    with pytest.raises(DeadlineExceeded):
        index_over(search).ordinals(Deadline(0.5), "g")
    assert not search.requests


def test_an_error_in_one_of_the_searches_is_an_error() -> None:
    answer = b'{"responses": [{"error": {"type": "x"}, "status": 400}, {"hits": {"hits": []}}, {"hits": {"hits": []}}]}'
    index = Index(hr_settings(), lambda *_: (200, answer), lambda seconds: None)
    with pytest.raises(Unavailable):
        find(index, "leave")


def test_requests_are_signed_with_the_hash_of_their_body(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    class Session:
        def send(self, request: Any) -> Any:
            sent.append(request)
            return type("Response", (), {"status_code": 200, "content": b"{}"})()

    monkeypatch.setattr("lambda_src.hr_qa.index._http", lambda seconds: Session())
    _sender("https://abc.us-west-2.aoss.amazonaws.com", "aoss")("POST", "/chunks/_search", b"{}", 3)

    headers = sent[0].headers
    assert "/us-west-2/aoss/aws4_request" in headers["Authorization"]
    assert "x-amz-content-sha256" in headers["Authorization"]
    assert headers["X-Amz-Content-SHA256"] == ("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
    assert len(vector("t")) == DIMENSIONS


def test_the_query_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = b'{"error": {"type": "parsing_exception", "reason": "[sick leave of Ana] is wrong"}, "status": 400}'
    index = Index(hr_settings(), lambda *_: (400, answer), lambda seconds: None)
    with pytest.raises(Unavailable):
        find(index, "sick leave of Ana")
    (record,) = [record for record in caplog.records if record.message == "search failed"]
    assert record.reason == "parsing_exception"  # type: ignore[attr-defined]
    assert "Ana" not in str(vars(record))
