"""Callers' names on the outside, the engine's inside."""

import json
from typing import Any

import pytest

from dev.local.search.names import BadBody, Names, merged, wanted

NAMES = Names("abc")


def _lines(*content: Any) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in content)


def _read(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines()]


def test_names_and_wildcards_stay_in_their_collection() -> None:
    assert NAMES.engine("chunks") == "aoss-abc.chunks"
    assert NAMES.engine("a,b*") == "aoss-abc.a,aoss-abc.b*"
    assert NAMES.engine("_all") == "aoss-abc.*"
    assert NAMES.engine("*,-aoss-other.x") == "aoss-abc.*,aoss-abc.aoss-other.x"
    assert NAMES.caller(b'{"_index":"aoss-abc.chunks"}') == b'{"_index":"chunks"}'


def test_bulk_actions_are_renamed_and_named_for_the_permission_check() -> None:
    body = _lines({"index": {"_index": "a"}}, {"x": 1}, {"delete": {"_id": "1"}}, {"create": {}}, {"x": 2})
    made = NAMES.bulk(body, "b", custom_ids=False)
    assert _read(made.body) == [
        {"index": {"_index": "aoss-abc.a"}},
        {"x": 1},
        {"delete": {"_id": "1", "_index": "aoss-abc.b"}},
        {"create": {"_index": "aoss-abc.b"}},
        {"x": 2},
    ]
    assert made.indices == {"a", "b"}
    assert (made.forwarded, made.refused) == (3, {})


def test_a_bulk_document_is_forwarded_byte_by_byte() -> None:
    document = b'{"n":  1.0e2, "s":"\\u00e9"}'
    assert document in NAMES.bulk(b'{"index":{}}\n' + document + b"\n", "a", custom_ids=False).body


def test_chosen_ids_are_left_out_and_answered_in_their_place() -> None:
    # given the second and the last with an id
    update = {"update": {"_id": "2"}}
    body = _lines({"index": {}}, {}, {"index": {"_id": "1"}}, {}, {"delete": {"_id": "3"}}, update, {"upsert": {}})
    made = NAMES.bulk(body, "a", custom_ids=False)
    assert sorted(made.refused) == [1, 3]
    # when the engine answers the other two
    answer = merged(_lines({"took": 3, "errors": False, "items": [{"index": {}}, {"delete": {}}]}), made.refused)
    # then
    content = json.loads(answer)
    assert [next(iter(item)) for item in content["items"]] == ["index", "index", "delete", "update"]
    assert content["items"][1]["index"]["status"] == 400
    assert content["errors"]
    # and a collection for search takes them
    assert NAMES.bulk(body, "a", custom_ids=True).refused == {}


def test_searches_are_renamed() -> None:
    body = _lines({"index": "a"}, {"size": 1}, {"index": ["a", "b"]}, {}, {}, {})
    made = NAMES.msearch(body, "")
    assert [line.get("index") for line in _read(made.body)[::2]] == [
        "aoss-abc.a",
        "aoss-abc.a,aoss-abc.b",
        "aoss-abc.*",
    ]
    assert made.indices == {"a", "b", "*"}
    # an empty header is allowed
    assert _read(NAMES.msearch(b'\n{"size":1}\n', "c").body)[0] == {"index": "aoss-abc.c"}


def test_documents_by_id_are_renamed() -> None:
    made = NAMES.mget(_lines({"docs": [{"_index": "a", "_id": "1"}, {"_id": "2"}]}), "b")
    assert json.loads(made.body) == {"docs": [{"_index": "aoss-abc.a", "_id": "1"}, {"_id": "2"}]}
    assert made.indices == {"a", "b"}


@pytest.mark.parametrize("body", [b"x\n", b'{"index":{}}\n', b'{"remove":{}}\n{}\n', b'{"index":1}\n{}\n', b"[]\n"])
def test_a_bulk_body_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(BadBody):
        NAMES.bulk(body, "a", custom_ids=False)


def test_a_request_that_names_nothing_wants_everything() -> None:
    assert wanted([""]) == {"*"}
    assert wanted(["a,b", ""]) == {"a", "b"}
