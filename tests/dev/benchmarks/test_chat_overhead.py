"""The chatbot's benchmark sends both sides the same requests, checks their responses, and reports the figures."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dev.benchmarks.chat import invoke
from dev.benchmarks.chat.figures import Comparison, document, spread, table
from dev.benchmarks.chat.mock_aws import CALLS, FREEZE, PIECES, TEXT, Connection, MockAws
from dev.benchmarks.chat.sides import CALLER, QUESTION, is_complete, is_first_piece, stream_request, turn
from dev.benchmarks.chat_overhead import BASELINE, SERVICES, _without_model
from dev.benchmarks.cold_start import ROOT, locked, pins
from dev.local import eventstream

KEY = {"pk": {"S": "conversation#me"}, "sk": {"S": "c-1"}}
SHOUTING = """
def shout(event, context):
    print("a line of the log")
    return {"text": event["text"].upper(), "hasTime": context.get_remaining_time_in_millis() > 20_000}
"""
PIECES_SENT = b"".join(b'data: {"text": %b}\n\n' % json.dumps(piece).encode() for piece in PIECES)


@pytest.fixture
def comparison() -> Comparison:
    return Comparison("warmTurn", "warm: turn", [4.0, 6.0, 30.0], [20.0, 20.0, 60.0])


def dynamodb(mock_aws: MockAws, operation: str, **request: Any) -> Any:
    answer = mock_aws.respond("/", f"DynamoDB_20120810.{operation}", json.dumps(request).encode())
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


def test_spread_has_median_and_extremes() -> None:
    assert spread([3.0, 1.0, 2.5]).rounded(1) == {"min": 1.0, "median": 2.5, "max": 3.0}


def test_table_has_a_row_per_figure(comparison: Comparison) -> None:
    row = "| warm: turn | 3 | 6.0 (4.0-30.0) | 20.0 (20.0-60.0) | 0.300 | 0.300 (0.200-0.500) |"

    assert table([comparison]).splitlines()[2:] == [row]


def test_report_has_every_value(comparison: Comparison) -> None:
    report = document(comparison)

    assert report["allProjectMs"] == comparison.project
    assert report["allBaselineMs"] == comparison.baseline
    assert report["ratioOfMedians"] == 0.3


def test_the_models_delay_is_subtracted_from_latencies_and_not_from_cpu_time(comparison: Comparison) -> None:
    assert _without_model(comparison, 3).project == [1.0, 3.0, 27.0]
    assert _without_model(comparison, 3).baseline == [17.0, 17.0, 57.0]
    assert _without_model(comparison._replace(key="coldTurnCpu"), 3).project == comparison.project


def test_baseline_has_the_same_versions_as_the_functions() -> None:
    baseline = pins(locked(BASELINE))
    for file in ("requirements", "requirements-stream"):
        project = pins(ROOT / "lambda_src" / f"{file}.txt")
        assert {"boto3", "uvicorn"} & project.keys() & baseline.keys()
        assert {name: baseline[name] for name in project.keys() & baseline.keys()} == {
            name: project[name] for name in project.keys() & baseline.keys()
        }


def test_package_has_the_stacks_services() -> None:
    stack = (ROOT / "stacks" / "chatbot_stack.py").read_text("utf-8")

    assert f"services = {json.dumps(SERVICES).replace('[', '(').replace(']', ')')}" in stack


def test_turn_and_stream_have_the_same_question() -> None:
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
def test_the_first_piece_has_the_answers_first_text(line: bytes, first: bool) -> None:
    assert is_first_piece(line) is first


def test_a_stream_is_complete_with_every_piece_and_no_other() -> None:
    message = b'event: message\ndata: {"message": {"text": "The boiler"}}\n\n'

    assert is_complete(PIECES_SENT)
    assert is_complete(PIECES_SENT + message)
    assert not is_complete(PIECES_SENT[: len(PIECES_SENT) // 2].rpartition(b"data: ")[0])
    assert not is_complete(PIECES_SENT + b'data: {"text": "more"}\n\n')


def test_the_table_returns_written_items() -> None:
    mock_aws = MockAws()

    dynamodb(mock_aws, "TransactWriteItems", TransactItems=[{"Update": update(2)}, put("2", "b"), put("1", "a")])

    assert dynamodb(mock_aws, "GetItem", Key=KEY)["Item"] == {**KEY, "messageCount": {"N": "2"}, "plain": {"S": "x"}}
    start = {"pk": {"S": "messages"}, "sk": {"S": "0"}}
    items = dynamodb(mock_aws, "Query", ExclusiveStartKey=start)["Items"]
    assert [item["record"]["B"] for item in items] == ["a", "b"]
    items = dynamodb(mock_aws, "Query", ExclusiveStartKey={**start, "sk": {"S": "1"}})["Items"]
    assert [item["record"]["B"] for item in items] == ["b"]


def test_a_frozen_table_ignores_writes() -> None:
    mock_aws = MockAws()
    dynamodb(mock_aws, "UpdateItem", **update(2))

    mock_aws.respond(FREEZE, "", b"{}")
    dynamodb(mock_aws, "UpdateItem", **update(4))
    dynamodb(mock_aws, "TransactWriteItems", TransactItems=[{"Update": update(4)}, put("1", "a")])

    assert dynamodb(mock_aws, "GetItem", Key=KEY)["Item"]["messageCount"] == {"N": "2"}
    start = {"pk": {"S": "messages"}, "sk": {"S": "0"}}
    assert dynamodb(mock_aws, "Query", ExclusiveStartKey=start)["Items"] == []


def test_unsupported_operations_are_errors() -> None:
    assert MockAws().respond("/", "DynamoDB_20120810.DeleteTable", b"{}").status == 400
    assert MockAws().respond("/model/m/invoke", "", b"{}").status == 400


def test_the_model_gives_the_same_answer_complete_and_streamed() -> None:
    mock_aws = MockAws()
    request = json.dumps({"messages": [{}] * 3}).encode()

    complete = json.loads(mock_aws.respond("/model/m/converse", "", request).body)
    stream = mock_aws.respond("/model/m/converse-stream", "", request).body

    messages = list(eventstream.messages([stream]))
    pieces = [message.content["delta"]["text"] for message in messages if message.event_type == "contentBlockDelta"]
    assert complete["output"]["message"]["content"] == [{"text": TEXT}]
    assert "".join(pieces) == TEXT
    assert len(pieces) == len(PIECES)
    assert complete["usage"] == messages[-1].content["usage"]
    assert json.loads(mock_aws.respond(CALLS, "", b"{}").body) == {
        "Converse of 3 messages": 1,
        "ConverseStream of 3 messages": 1,
    }
    assert json.loads(mock_aws.respond(CALLS, "", b"{}").body) == {}


class FakeTransport:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def test_a_request_in_parts_is_answered_when_complete() -> None:
    transport: Any = FakeTransport()
    connection = Connection(MockAws(), model_seconds=0)
    connection.connection_made(transport)

    for part in (b"POST /-/calls HTTP/1.1\r\nContent-", b"Length: 2\r\n\r\n{", b"}"):
        assert transport.data == b""
        connection.data_received(part)
    connection.data_received(b"POST /-/calls HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")

    answer = b"HTTP/1.1 200 -\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}"
    assert transport.data == answer * 2


def test_responses_are_in_order_and_separate_from_the_log(tmp_path: Path) -> None:
    (tmp_path / "shouting.py").write_text(SHOUTING, "utf-8")
    environment = {"PYTHONPATH": str(tmp_path)}

    completed = subprocess.run(
        [sys.executable, "-P", invoke.__file__, "shouting.shout"],
        env=environment,
        input='{"text": "one"}\n{"text": "two"}\n',
        capture_output=True,
        text=True,
        check=True,
    )

    answers = [json.loads(line) for line in completed.stdout.splitlines()]
    assert answers == [{"text": "ONE", "hasTime": True}, {"text": "TWO", "hasTime": True}]


def test_every_request_has_the_same_caller() -> None:
    assert turn("c-1")["requestContext"]["identity"]["user"] == CALLER
