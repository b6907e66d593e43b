"""What the chatbot's function adds to its model, beside the same chatbot made with LangChain.

Whole processes from their start to the answer's first piece, and turns of processes that run; both sides against one
stand-in for AWS. `README.md` says what is compared with what.
"""

import argparse
import http.client
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dev.benchmarks.chat import stand_in
from dev.benchmarks.chat.figures import AIM, Comparison, document, table
from dev.benchmarks.chat.sides import CONVERSATION, Side, Streams, Turns, event, turn
from dev.benchmarks.cold_start import HERE, ROOT, WORK, BenchmarkError, locked, our_package, peer_package, pins

RESULT = HERE / "results" / "chat_overhead.json"
BASELINE = "bench-chatbot"
# As in the chatbot's stack.
SERVICES = ("bedrock-runtime", "dynamodb", "s3", "sqs")
# The stage's default.
MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
INSTRUCTIONS = "You are a helpful assistant."
PREPARED_TURNS = 5
# Pairs that are not counted: the first start only brings files into memory, the first turns fill caches.
COLD_WARM_UP, WARM_UP = 1, 20

# Milliseconds, several of one run.
Figures = tuple[float, ...]


class Bench(NamedTuple):
    """What the measurements need. `conversations`: the prepared one of each side."""

    sides: tuple[Side, Side]
    python: Path
    environment: dict[str, str]
    conversations: dict[str, str]


def main() -> None:
    """Builds both sides, measures, prints a table and writes `results/chat_overhead.json`."""
    arguments = _arguments()
    if sys.platform != "linux":
        sys.exit("The processor time of a process is read as Linux has it; this machine cannot run it.")
    loads = [os.getloadavg()[0]]
    try:
        with _bench(arguments.model_ms) as (bench, calls):
            comparisons = [*_cold(bench, arguments.starts), *_warm(bench, arguments.turns)]
            comparisons = [_beyond(one, arguments.model_ms) for one in comparisons]
            loads.append(os.getloadavg()[0])
            calls_of = {side.name: _calls_of(bench, side, calls) for side in bench.sides}
    except BenchmarkError as error:
        sys.exit(str(error))
    print(table(comparisons))
    print(json.dumps(calls_of))
    if (arguments.starts, arguments.turns, arguments.model_ms) == _DEFAULTS:
        RESULT.write_text(json.dumps(_report(comparisons, calls_of, loads), indent=2) + "\n", "utf-8")


_DEFAULTS = (15, 300, 0.0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0] if __doc__ else None,
        epilog="The result file is written by a run without options.",
    )
    starts, turns, model_ms = _DEFAULTS
    parser.add_argument("--starts", type=int, default=starts, help=f"cold starts of each function (default {starts})")
    parser.add_argument("--turns", type=int, default=turns, help=f"turns of each running function (default {turns})")
    parser.add_argument(
        "--model-ms", type=float, default=model_ms, help="how long the model waits; subtracted from the figures"
    )
    return parser.parse_args()


@contextmanager
def _bench(model_ms: float) -> Iterator[tuple[Bench, Callable[[], dict[str, int]]]]:
    """Both sides with a conversation of some turns each, which stays as it is; and how to ask for the calls since."""
    ours = Side(
        "ours",
        our_package("chatbot", SERVICES),
        "lambda_src.chatbot.handler.handler",
        our_package("chatbot", SERVICES, "stream"),
        "lambda_src.chatbot.stream",
    )
    package = peer_package(BASELINE)
    peer = Side("peer", package, "peer.chatbot.handler.handler", package, "peer.chatbot.stream")
    with _stand_in(model_ms) as ask:
        bench = Bench((ours, peer), _bare_python(), _environment(ask.port), {})
        for side in bench.sides:
            bench.conversations[side.name] = _prepare(bench, side)
        ask(stand_in.FREEZE)
        ask(stand_in.CALLS)
        yield bench, lambda: ask(stand_in.CALLS)


class _Ask:
    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, path: str) -> Any:
        connection = http.client.HTTPConnection(stand_in.HOST, self.port, timeout=5)
        connection.request("POST", path, b"{}")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer


@contextmanager
def _stand_in(model_ms: float) -> Iterator[_Ask]:
    command = [sys.executable, "-m", "dev.benchmarks.chat.stand_in", str(model_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield _Ask(int(process.stdout.readline()))
        finally:
            process.kill()


def _prepare(bench: Bench, side: Side) -> str:
    """A conversation of some turns, as this side writes it; its id."""
    with Turns(side, bench.python, bench.environment) as turns:
        identifier = "prepared"
        if side.name == "ours":
            # With a title, as a conversation has after its first turn.
            body = {"title": "The boiler", "instructions": INSTRUCTIONS}
            identifier = turns.ask(event(CONVERSATION.removesuffix("/{id}"), None, body))["id"]
        for _ in range(PREPARED_TURNS):
            turns.ask(turn(identifier))
    return identifier


def _cold(bench: Bench, starts: int) -> list[Comparison]:
    """Whole processes, one at a time."""
    turns = _alternated(bench, COLD_WARM_UP, starts, lambda side: _cold_turn(bench, side))
    streams = _alternated(bench, COLD_WARM_UP, starts, lambda side: _cold_stream(bench, side))
    return [
        _comparison("coldTurn", "cold: process start to answer", turns, 0),
        _comparison("coldTurnCpu", "cold: processor time until then", turns, 1),
        _comparison("coldFirstEvent", "cold: process start to first event", streams, 0),
        _comparison("coldStreamCpu", "cold: processor time until the stream's end", streams, 1),
    ]


def _cold_turn(bench: Bench, side: Side) -> Figures:
    begun = time.perf_counter()
    with Turns(side, bench.python, bench.environment) as turns:
        turns.ask(turn(bench.conversations[side.name]))
        passed = (time.perf_counter() - begun) * 1000
    return passed, turns.cpu_ms


def _cold_stream(bench: Bench, side: Side) -> Figures:
    begun = time.perf_counter()
    with Streams(side, bench.python, bench.environment) as streams:
        started_ms = (time.perf_counter() - begun) * 1000
        answer = streams.ask(bench.conversations[side.name])
    return started_ms + answer.first_ms, streams.cpu_ms


def _warm(bench: Bench, count: int) -> list[Comparison]:
    """Turns of processes that run, both at once, only one of which ever works."""
    with ExitStack() as stack:
        turns, streams = (
            {side.name: stack.enter_context(kind(side, bench.python, bench.environment)) for side in bench.sides}
            for kind in (Turns, Streams)
        )

        def one_turn(side: Side) -> Figures:
            begun = time.perf_counter()
            turns[side.name].ask(turn(bench.conversations[side.name]))
            return ((time.perf_counter() - begun) * 1000,)

        def one_stream(side: Side) -> Figures:
            answer = streams[side.name].ask(bench.conversations[side.name])
            return answer.first_ms, answer.last_ms

        turned, streamed = (_alternated(bench, WARM_UP, count, one) for one in (one_turn, one_stream))
    return [
        _comparison("warmTurn", "warm: turn", turned, 0),
        _comparison("warmFirstEvent", "warm: request to first event", streamed, 0),
        _comparison("warmStream", f"warm: request to end of a stream of {len(stand_in.PIECES)} pieces", streamed, 1),
    ]


def _alternated(bench: Bench, warm_up: int, count: int, measure: Callable[[Side], Figures]) -> list[dict[str, Figures]]:
    """Pairs, each side first in every other one; those to warm up are left out."""
    pairs = []
    for number in range(warm_up + count):
        order = bench.sides if number % 2 else bench.sides[::-1]
        pairs.append({side.name: measure(side) for side in order})
    return pairs[warm_up:]


def _comparison(key: str, name: str, pairs: list[dict[str, Figures]], place: int) -> Comparison:
    ours, peer = ([pair[side][place] for pair in pairs] for side in ("ours", "peer"))
    return Comparison(key, name, ours, peer)


def _beyond(one: Comparison, model_ms: float) -> Comparison:
    """The figure without the time that the model waits."""
    if one.key.endswith("Cpu"):
        return one
    return one._replace(ours=[value - model_ms for value in one.ours], peer=[value - model_ms for value in one.peer])


def _calls_of(bench: Bench, side: Side, calls: Callable[[], dict[str, int]]) -> dict[str, int]:
    """AWS calls in a turn and a stream. Raises `BenchmarkError` when the model is not given the whole conversation."""
    calls()
    with Turns(side, bench.python, bench.environment) as turns:
        turns.ask(turn(bench.conversations[side.name]))
    with Streams(side, bench.python, bench.environment) as streams:
        streams.ask(bench.conversations[side.name])
    made = calls()
    messages = PREPARED_TURNS * 2 + 1
    if any(made.get(f"{call} of {messages} messages") != 1 for call in ("Converse", "ConverseStream")):
        raise BenchmarkError(f"{side.name} calls the model otherwise: {made}")
    return made


def _bare_python() -> Path:
    """An environment with nothing in it: all that a function imports is in its package."""
    folder = WORK / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", str(folder)], check=True)
    return folder / "bin" / "python"


def _environment(port: int) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        # A function's folder is read-only on Lambda: what is not compiled stays so.
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ENDPOINT_URL": f"http://{stand_in.HOST}:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "not-a-key",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_SESSION_TOKEN": "not-a-token",
        "STAGE": "benchmark",
        "USE_CASE": "chatbot",
        "MODELS": MODEL,
        "TABLE_NAME": "benchmark",
        "BUCKET_NAME": "benchmark",
        "QUEUE_URL": f"http://{stand_in.HOST}:{port}/123456789012/benchmark",
        "POWERTOOLS_SERVICE_NAME": "chatbot",
        "POWERTOOLS_METRICS_NAMESPACE": "BedrockEndpoints",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def _report(comparisons: list[Comparison], calls_of: dict[str, dict[str, int]], loads: list[float]) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        # Of the last minute, before and after. The benchmark itself makes about 1; more makes the figures worth less.
        "loadAverage": [round(load, 1) for load in loads],
        "aim": AIM,
        "versions": pins(locked(BASELINE)),
        # Of a turn and a stream together.
        "awsCalls": calls_of,
        "figures": [document(one) for one in comparisons],
    }


if __name__ == "__main__":
    main()
