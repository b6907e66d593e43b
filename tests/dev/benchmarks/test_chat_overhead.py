"""The chatbot's benchmark asks both sides the same, sees what they answer, and says what it measured."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dev.benchmarks.chat import invoke
from dev.benchmarks.chat.figures import Comparison, document, spread, table
from dev.benchmarks.chat.sides import CALLER, QUESTION, is_first_piece, is_whole, stream_request, turn
from dev.benchmarks.chat.stand_in import CALLS, FREEZE, PIECES, TEXT, Connection, StandIn
from dev.benchmarks.chat_overhead import BASELINE, SERVICES, _beyond
from dev.benchmarks.cold_start import ROOT, locked, pins
from dev.local import eventstream

KEY = {"pk": {"S": "conversation#me"}, "sk": {"S": "c-1"}}
SHOUTING = """
def shout(event, context):
    print("a line of the log")
    return {"said": event["text"].upper(), "hasTime": context.get_remaining_time_in_millis() > 20_000}
"""
PIECES_SENT = b"".join(b'data: {"text": %b}\n\n' % json.dumps(piece).encode() for piece in PIECES)


@pytest.fixture
def comparison() -> Comparison:
    return Comparison("warmTurn", "warm: turn", [4.0, 6.0, 30.0], [20.0, 20.0, 60.0])


def dynamodb(stand_in: StandIn, operation: str, **request: Any) -> Any:
    answer = stand_in.answer("/", f"DynamoDB_20120810.{operation}", json.dumps(request).encode())
    assert answer.status == 200
    return json.loads(answer.body)


def put(sort_key: str, text: str) -> dict[str, Any]:
    return {"Put": {"Item": {"pk": {"S": "messages"}, "sk": {"S": sort_key}, "record": {"B": text}}}}


def update(count: int) -> dict[str, Any]:
    return {
        "Key": KEY,
        "UpdateExpression": "SET #messageCount = :set_messageCount, plain = :p",
        "ExpressionAttributeNames": {"#messageCount": "messageCount"},
        "ExpressionAttributeValues": {":set_messageCount": {"N": str(count)}, ":p": {"S": "x"}},
    }


def test_ratios_are_of_medians_and_of_pairs(comparison: Comparison) -> None:
    assert comparison.ratio_of_medians == pytest.approx(6 / 20)
    assert comparison.paired_ratios == pytest.approx((0.2, 0.3, 0.5))


def test_spread_has_the_extremes_around_the_median() -> None:
    assert spread([3.0, 1.0, 2.5]).kept(1) == {"min": 1.0, "median": 2.5, "max": 3.0}


def test_table_has_a_row_a_figure(comparison: Comparison) -> None:
    row = "| warm: turn | 3 | 6.0 (4.0-30.0) | 20.0 (20.0-60.0) | 0.300 | 0.300 (0.200-0.500) |"

    assert table([comparison]).splitlines()[2:] == [row]


def test_report_keeps_every_value(comparison: Comparison) -> None:
    kept = document(comparison)

    assert kept["allOursMs"] == comparison.ours
    assert kept["allPeerMs"] == comparison.peer
    assert kept["ratioOfMedians"] == 0.3


def test_models_time_is_in_no_wait_and_in_no_processor_time(comparison: Comparison) -> None:
    assert _beyond(comparison, 3).ours == [1.0, 3.0, 27.0]
    assert _beyond(comparison, 3).peer == [17.0, 17.0, 57.0]
    assert _beyond(comparison._replace(key="coldTurnCpu"), 3).ours == comparison.ours


def test_peer_has_the_same_versions_as_our_functions() -> None:
    peer = pins(locked(BASELINE))
    for name in ("requirements", "requirements-stream"):
        ours = pins(ROOT / "lambda_src" / f"{name}.txt")
        assert {"boto3", "uvicorn"} & ours.keys() & peer.keys()
        assert {one: peer[one] for one in ours.keys() & peer.keys()} == {
            one: ours[one] for one in ours.keys() & peer.keys()
        }


def test_package_has_the_services_of_the_stack() -> None:
    stack = (ROOT / "stacks" / "chatbot_stack.py").read_text("utf-8")

    assert f"services = {json.dumps(SERVICES).replace('[', '(').replace(']', ')')}" in stack


def test_turn_and_stream_ask_the_same() -> None:
    event = turn("c-1")
    path, body, headers = stream_request("c-1")

    assert json.loads(event["body"]) == json.loads(body) == {"text": QUESTION}
    assert path == f"{event['path']}/stream" == "/conversations/c-1/messages/stream"
    assert event["requestContext"]["identity"] == json.loads(headers["x-amzn-request-context"])["identity"]


@pytest.mark.parametrize(
    ("line", "first"),
    [
        (b'data: {"text": "The "}\n', True),
        (b'data: {"text":"The "}\n', True),
        (b"event: delta\n", False),
        (b": The heartbeat\n", False),
        (b'data: {"error": {"code": "unavailable"}}\n', False),
    ],
)
def test_first_piece_is_the_first_text_of_the_answer(line: bytes, first: bool) -> None:
    assert is_first_piece(line) is first


def test_stream_is_whole_with_every_piece_and_nothing_else() -> None:
    message = b'event: message\ndata: {"message": {"text": "The boiler"}}\n\n'

    assert is_whole(PIECES_SENT)
    assert is_whole(PIECES_SENT + message)
    assert not is_whole(PIECES_SENT[: len(PIECES_SENT) // 2].rpartition(b"data: ")[0])
    assert not is_whole(PIECES_SENT + b'data: {"text": "more"}\n\n')


def test_table_gives_back_what_was_written() -> None:
    stand_in = StandIn()

    dynamodb(stand_in, "TransactWriteItems", TransactItems=[{"Update": update(2)}, put("2", "b"), put("1", "a")])

    assert dynamodb(stand_in, "GetItem", Key=KEY)["Item"] == {**KEY, "messageCount": {"N": "2"}, "plain": {"S": "x"}}
    start = {"pk": {"S": "messages"}, "sk": {"S": "0"}}
    items = dynamodb(stand_in, "Query", ExclusiveStartKey=start)["Items"]
    assert [item["record"]["B"] for item in items] == ["a", "b"]
    items = dynamodb(stand_in, "Query", ExclusiveStartKey={**start, "sk": {"S": "1"}})["Items"]
    assert [item["record"]["B"] for item in items] == ["b"]


def test_frozen_table_takes_writes_and_stays_as_it_is() -> None:
    stand_in = StandIn()
    dynamodb(stand_in, "UpdateItem", **update(2))

    stand_in.answer(FREEZE, "", b"{}")
    dynamodb(stand_in, "UpdateItem", **update(4))
    dynamodb(stand_in, "TransactWriteItems", TransactItems=[{"Update": update(4)}, put("1", "a")])

    assert dynamodb(stand_in, "GetItem", Key=KEY)["Item"]["messageCount"] == {"N": "2"}
    start = {"pk": {"S": "messages"}, "sk": {"S": "0"}}
    assert dynamodb(stand_in, "Query", ExclusiveStartKey=start)["Items"] == []


def test_what_the_stand_in_does_not_know_is_an_error() -> None:
    assert StandIn().answer("/", "DynamoDB_20120810.DeleteTable", b"{}").status == 400
    assert StandIn().answer("/model/m/invoke", "", b"{}").status == 400


def test_model_says_the_same_whole_and_in_pieces() -> None:
    stand_in = StandIn()
    request = json.dumps({"messages": [{}] * 3}).encode()

    whole = json.loads(stand_in.answer("/model/m/converse", "", request).body)
    stream = stand_in.answer("/model/m/converse-stream", "", request).body

    read = list(eventstream.messages([stream]))
    pieces = [one.content["delta"]["text"] for one in read if one.event_type == "contentBlockDelta"]
    assert whole["output"]["message"]["content"] == [{"text": TEXT}]
    assert "".join(pieces) == TEXT
    assert len(pieces) == len(PIECES)
    assert whole["usage"] == read[-1].content["usage"]
    assert json.loads(stand_in.answer(CALLS, "", b"{}").body) == {
        "Converse of 3 messages": 1,
        "ConverseStream of 3 messages": 1,
    }
    assert json.loads(stand_in.answer(CALLS, "", b"{}").body) == {}


class Written:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def test_request_in_parts_is_answered_once_it_is_whole() -> None:
    written: Any = Written()
    connection = Connection(StandIn(), model_seconds=0)
    connection.connection_made(written)

    for part in (b"POST /-/calls HTTP/1.1\r\nContent-", b"Length: 2\r\n\r\n{", b"}"):
        assert written.data == b""
        connection.data_received(part)
    connection.data_received(b"POST /-/calls HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")

    answer = b"HTTP/1.1 200 -\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}"
    assert written.data == answer * 2


def test_invocations_answer_in_turn_and_apart_from_the_log(tmp_path: Path) -> None:
    (tmp_path / "shouting.py").write_text(SHOUTING, "utf-8")
    environment = {"PYTHONPATH": str(tmp_path)}

    said = subprocess.run(
        [sys.executable, "-P", invoke.__file__, "shouting.shout"],
        env=environment,
        input='{"text": "one"}\n{"text": "two"}\n',
        capture_output=True,
        text=True,
        check=True,
    )

    answers = [json.loads(line) for line in said.stdout.splitlines()]
    assert answers == [{"said": "ONE", "hasTime": True}, {"said": "TWO", "hasTime": True}]


def test_caller_is_the_same_in_every_request() -> None:
    assert turn("c-1")["requestContext"]["identity"]["userArn"] == CALLER
