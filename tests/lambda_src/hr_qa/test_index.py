"""The index over a search engine in memory, which is late as the real one is."""

from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from lambda_src.hr_qa.index import Chunk, Index, Query, _sender
from lambda_src.shared.context import Deadline
from lambda_src.shared.errors import DeadlineExceeded, Throttled, Unavailable
from tests.lambda_src.hr_qa.world import DIMENSIONS, hr_settings, vector
from tests.search_engine import FakeSearch


def chunk(ordinal: int, text: str = "words", **changes: Any) -> Chunk:
    fields: dict[str, Any] = {"document": "d", "generation": "g", "page": 1, "heading": "", "sentences": (0,)}
    return Chunk(**{**fields, "ordinal": ordinal, "text": text, "language": "en", **changes})


def index_over(search: FakeSearch) -> Index:
    return Index(hr_settings(), search, lambda seconds: None)


def filled(*chunks: Chunk) -> tuple[Index, FakeSearch]:
    search = FakeSearch(lag=False)
    index = index_over(search)
    index.write(Deadline(9), [(one, one.text, vector(one.text)) for one in chunks])
    return index, search


def find(index: Index, text: str, *generations: str, language: str = "en") -> tuple[list[Any], list[Any]]:
    query = Query(generations=generations or ("g",), vector=vector(text), terms=text, language=language)
    return index.find(Deadline(9), query, {"d": "Title"})


def test_one_request_finds_by_meaning_and_by_words() -> None:
    index, search = filled(chunk(1, "sick leave"), chunk(2, "parking"), chunk(3, "licença médica", language="pt"))
    before = len(search.requests)

    dense, lexical = find(index, "sick leave")

    assert search.requests[before:] == [("POST", "/chunks/_msearch")]
    assert dense[0].text == "sick leave"
    assert dense[0].score == pytest.approx(1)
    assert dense[0].title == "Title"
    assert {hit.ordinal for hit in dense} == {1, 2, 3}
    assert [hit.ordinal for hit in lexical] == [1]


def test_only_the_given_generations_are_searched() -> None:
    index, _ = filled(chunk(1, "leave"), chunk(1, "leave", generation="old"))
    dense, lexical = find(index, "leave", "old")
    assert len(dense) == len(lexical) == 1
    assert find(index, "leave", "none") == ([], [])


def test_a_chunk_that_is_stored_twice_is_found_once() -> None:
    index, _ = filled(chunk(1, "leave"), chunk(1, "leave"))
    assert [len(hits) for hits in find(index, "leave")] == [1, 1]
    assert {ordinal: len(ids) for ordinal, ids in index.ordinals(Deadline(9), "g").items()} == {1: 2}


def test_ordinals_are_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambda_src.hr_qa.index.PAGE", 3)
    index, _ = filled(*(chunk(ordinal) for ordinal in (1, 2, 2, 3, 4, 5, 6)))
    found = index.ordinals(Deadline(9), "g")
    assert sorted(found) == [1, 2, 3, 4, 5, 6]
    assert sorted(index.ordinals(Deadline(9), "g", 2, 4)) == [2, 3, 4]


def test_chunks_of_other_generations_are_found_and_deleted() -> None:
    index, search = filled(chunk(1), chunk(1, generation="old"), chunk(1, document="other", generation="x"))
    strays = index.generations(Deadline(9), "d", ["g"])
    assert list(strays.values()) == ["old"]
    index.delete(Deadline(9), [*strays, "gone already"])
    assert len(search.documents) == 2


@pytest.mark.parametrize("failure", [503, 429, ConnectionClosedError(endpoint_url="x")])
def test_passing_failures_are_tried_again(failure: Any) -> None:
    search = FakeSearch(lag=False)
    search.fail = [failure, failure]
    index_over(search).write(Deadline(9), [(chunk(1), "t", vector("t"))])
    assert len(search.documents) == 1


def test_what_a_bulk_request_did_not_take_is_sent_again_alone() -> None:
    search = FakeSearch(lag=False)
    refused: list[int] = []

    def send(method: str, path: str, body: bytes, read_seconds: int) -> tuple[int, bytes]:
        status, answer = search(method, path, body, read_seconds)
        if not refused:
            refused.append(1)
            search.documents.popitem()
            answer = answer[: answer.rindex(b'{"index"')] + (b'{"index": {"status": 429, "error": {"type": "busy"}}}]}')
        return status, answer

    Index(hr_settings(), send, lambda seconds: None).write(
        Deadline(9), [(chunk(number), "t", vector("t")) for number in (1, 2)]
    )
    assert sorted(one["ordinal"] for one in search.documents.values()) == [1, 2]


@pytest.mark.parametrize(
    ("failures", "error"), [([503] * 4, Unavailable), ([429] * 4, Throttled), ([400], Unavailable)]
)
def test_lasting_failures_are_errors(failures: list[Any], error: type[Exception]) -> None:
    search = FakeSearch()
    search.fail = list(failures)
    with pytest.raises(error):
        index_over(search).ordinals(Deadline(9), "g")
    assert len(search.requests) == len(failures)


def test_nothing_is_asked_without_time() -> None:
    search = FakeSearch()
    with pytest.raises(DeadlineExceeded):
        index_over(search).ordinals(Deadline(0.5), "g")
    assert not search.requests


def test_an_error_in_one_of_the_searches_is_an_error() -> None:
    answer = b'{"responses": [{"error": {"type": "x"}, "status": 400}, {"hits": {"hits": []}}, {"hits": {"hits": []}}]}'
    index = Index(hr_settings(), lambda *_: (200, answer), lambda seconds: None)
    with pytest.raises(Unavailable):
        find(index, "leave")


def test_requests_are_signed_with_their_body_s_hash(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_what_was_asked_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    answer = b'{"error": {"type": "parsing_exception", "reason": "[sick leave of Ana] is wrong"}, "status": 400}'
    index = Index(hr_settings(), lambda *_: (400, answer), lambda seconds: None)
    with pytest.raises(Unavailable):
        find(index, "sick leave of Ana")
    (record,) = [one for one in caplog.records if one.message == "search failed"]
    assert record.reason == "parsing_exception"  # type: ignore[attr-defined]
    assert "Ana" not in str(vars(record))
