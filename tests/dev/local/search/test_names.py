"""Index names are converted between callers and the engine."""

import json
from typing import Any

import pytest

from dev.local.search.names import BadBody, Names, merged, to_authorize

NAMES = Names("abc")


def _lines(*content: Any) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in content)


def _read(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines()]


def test_names_and_wildcards_are_limited_to_their_collection() -> None:
    assert NAMES.engine("chunks") == "aoss-abc.chunks"
    assert NAMES.engine("a,b*") == "aoss-abc.a,aoss-abc.b*"
    assert NAMES.engine("_all") == "aoss-abc.*"
    assert NAMES.engine("*,-aoss-other.x") == "aoss-abc.*,aoss-abc.aoss-other.x"
    assert NAMES.caller(b'{"_index":"aoss-abc.chunks"}') == b'{"_index":"chunks"}'


def test_bulk_actions_are_renamed_and_listed_for_authorization() -> None:
    body = _lines({"index": {"_index": "a"}}, {"x": 1}, {"delete": {"_id": "1"}}, {"create": {}}, {"x": 2})
    rewritten = NAMES.bulk(body, "b", custom_ids=False)
    assert _read(rewritten.body) == [
        {"index": {"_index": "aoss-abc.a"}},
        {"x": 1},
        {"delete": {"_id": "1", "_index": "aoss-abc.b"}},
        {"create": {"_index": "aoss-abc.b"}},
        {"x": 2},
    ]
    assert rewritten.indices == {"a", "b"}
    assert (rewritten.forwarded, rewritten.refused) == (3, {})


def test_a_bulk_document_is_forwarded_unchanged() -> None:
    document = b'{"n":  1.0e2, "s":"\\u00e9"}'
    assert document in NAMES.bulk(b'{"index":{}}\n' + document + b"\n", "a", custom_ids=False).body


def test_items_with_custom_ids_are_refused_at_their_positions() -> None:
    # given custom ids for the second and the last item
    update = {"update": {"_id": "2"}}
    body = _lines({"index": {}}, {}, {"index": {"_id": "1"}}, {}, {"delete": {"_id": "3"}}, update, {"upsert": {}})
    rewritten = NAMES.bulk(body, "a", custom_ids=False)
    assert sorted(rewritten.refused) == [1, 3]
    # when the engine returns results for the other two
    answer = merged(_lines({"took": 3, "errors": False, "items": [{"index": {}}, {"delete": {}}]}), rewritten.refused)
    # then
    content = json.loads(answer)
    assert [next(iter(item)) for item in content["items"]] == ["index", "index", "delete", "update"]
    assert content["items"][1]["index"]["status"] == 400
    assert content["errors"]
    # and a search collection accepts custom ids
    assert NAMES.bulk(body, "a", custom_ids=True).refused == {}


def test_searches_are_renamed() -> None:
    body = _lines({"index": "a"}, {"size": 1}, {"index": ["a", "b"]}, {}, {}, {})
    rewritten = NAMES.msearch(body, "")
    assert [line.get("index") for line in _read(rewritten.body)[::2]] == [
        "aoss-abc.a",
        "aoss-abc.a,aoss-abc.b",
        "aoss-abc.*",
    ]
    assert rewritten.indices == {"a", "b", "*"}
    # an empty header is allowed
    assert _read(NAMES.msearch(b'\n{"size":1}\n', "c").body)[0] == {"index": "aoss-abc.c"}


def test_documents_by_id_are_renamed() -> None:
    rewritten = NAMES.mget(_lines({"docs": [{"_index": "a", "_id": "1"}, {"_id": "2"}]}), "b")
    assert json.loads(rewritten.body) == {"docs": [{"_index": "aoss-abc.a", "_id": "1"}, {"_id": "2"}]}
    assert rewritten.indices == {"a", "b"}


@pytest.mark.parametrize("body", [b"x\n", b'{"index":{}}\n', b'{"remove":{}}\n{}\n', b'{"index":1}\n{}\n', b"[]\n"])
def test_an_invalid_bulk_body_is_refused(body: bytes) -> None:
    with pytest.raises(BadBody):
        NAMES.bulk(body, "a", custom_ids=False)


def test_a_request_without_an_index_applies_to_all() -> None:
    assert to_authorize([""]) == {"*"}
    assert to_authorize(["a,b", ""]) == {"a", "b"}
