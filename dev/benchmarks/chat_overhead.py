"""Compares the overhead of the chatbot's function with that of a LangChain baseline.

It measures cold processes, from start to the answer's first piece, and turns of warm processes; both sides use the same
mock of AWS. `README.md` describes the comparison.
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

from dev.benchmarks.chat import mock_aws
from dev.benchmarks.chat.figures import AIM, Comparison, document, table
from dev.benchmarks.chat.sides import CONVERSATION, Side, Streams, Turns, event, turn
from dev.benchmarks.cold_start import HERE, ROOT, WORK, BenchmarkError, baseline_package, locked, pins, project_package

RESULT = HERE / "results" / "chat_overhead.json"
BASELINE = "bench-chatbot"
# The services in the chatbot's stack.
SERVICES = ("bedrock-runtime", "dynamodb", "s3", "sqs")
# The stage's default.
MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
INSTRUCTIONS = "You are a helpful assistant."
PREPARED_TURNS = 5
# Pairs that are not counted: the first start loads files into memory, the first turns fill caches.
COLD_WARM_UP, WARM_UP = 1, 20

# Milliseconds, several of comparison run.
Figures = tuple[float, ...]


class Bench(NamedTuple):
    """The measurements' inputs. `conversations` has the prepared conversation of each side."""

    sides: tuple[Side, Side]
    python: Path
    environment: dict[str, str]
    conversations: dict[str, str]


def main() -> None:
    """Builds both sides, measures, prints a table, and writes `results/chat_overhead.json`."""
    arguments = _arguments()
    if sys.platform != "linux":
        sys.exit("This benchmark needs Linux to measure the CPU time of processes.")
    loads = [os.getloadavg()[0]]
    try:
        with _bench(arguments.model_ms) as (bench, calls):
            comparisons = [*_cold(bench, arguments.starts), *_warm(bench, arguments.turns)]
            comparisons = [_without_model(comparison, arguments.model_ms) for comparison in comparisons]
            loads.append(os.getloadavg()[0])
            calls_of = {side.name: _count_calls(bench, side, calls) for side in bench.sides}
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
        epilog="Only a run without options writes the result file.",
    )
    starts, turns, model_ms = _DEFAULTS
    parser.add_argument("--starts", type=int, default=starts, help=f"cold starts of each function (default {starts})")
    parser.add_argument("--turns", type=int, default=turns, help=f"turns of each running function (default {turns})")
    parser.add_argument(
        "--model-ms", type=float, default=model_ms, help="the model's delay, subtracted from the figures"
    )
    return parser.parse_args()


@contextmanager
def _bench(model_ms: float) -> Iterator[tuple[Bench, Callable[[], dict[str, int]]]]:
    """Both sides with a prepared, frozen conversation each, and a function that returns the latest AWS calls."""
    project = Side(
        "project",
        project_package("chatbot", SERVICES),
        "lambda_src.chatbot.handler.handler",
        project_package("chatbot", SERVICES, "stream"),
        "lambda_src.chatbot.stream",
    )
    package = baseline_package(BASELINE)
    baseline = Side("baseline", package, "baseline.chatbot.handler.handler", package, "baseline.chatbot.stream")
    with _mock_aws(model_ms) as control:
        bench = Bench((project, baseline), _bare_python(), _environment(control.port), {})
        for side in bench.sides:
            bench.conversations[side.name] = _prepare(bench, side)
        control(mock_aws.FREEZE)
        control(mock_aws.CALLS)
        yield bench, lambda: control(mock_aws.CALLS)


class _Control:
    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, path: str) -> Any:
        connection = http.client.HTTPConnection(mock_aws.HOST, self.port, timeout=5)
        connection.request("POST", path, b"{}")
        response = json.loads(connection.getresponse().read())
        connection.close()
        return response


@contextmanager
def _mock_aws(model_ms: float) -> Iterator[_Control]:
    command = [sys.executable, "-m", "dev.benchmarks.chat.mock_aws", str(model_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield _Control(int(process.stdout.readline()))
        finally:
            process.kill()


def _prepare(bench: Bench, side: Side) -> str:
    """Creates a conversation with some turns, in the side's format, and returns its id."""
    with Turns(side, bench.python, bench.environment) as turns:
        identifier = "prepared"
        if side.name == "project":
            # With a title, like any conversation after its first turn.
            body = {"title": "The boiler", "instructions": INSTRUCTIONS}
            identifier = turns.invoke(event(CONVERSATION.removesuffix("/{id}"), None, body))["id"]
        for _ in range(PREPARED_TURNS):
            turns.invoke(turn(identifier))
    return identifier


def _cold(bench: Bench, starts: int) -> list[Comparison]:
    """Measures cold processes, comparison at a time."""
    turns = _alternated(bench, COLD_WARM_UP, starts, lambda side: _cold_turn(bench, side))
    streams = _alternated(bench, COLD_WARM_UP, starts, lambda side: _cold_stream(bench, side))
    return [
        _comparison("coldTurn", "cold: process start to answer", turns, 0),
        _comparison("coldTurnCpu", "cold: CPU time until then", turns, 1),
        _comparison("coldFirstEvent", "cold: process start to first event", streams, 0),
        _comparison("coldStreamCpu", "cold: CPU time until the stream's end", streams, 1),
    ]


def _cold_turn(bench: Bench, side: Side) -> Figures:
    started = time.perf_counter()
    with Turns(side, bench.python, bench.environment) as turns:
        turns.invoke(turn(bench.conversations[side.name]))
        elapsed_ms = (time.perf_counter() - started) * 1000
    return elapsed_ms, turns.cpu_ms


def _cold_stream(bench: Bench, side: Side) -> Figures:
    started = time.perf_counter()
    with Streams(side, bench.python, bench.environment) as streams:
        startup_ms = (time.perf_counter() - started) * 1000
        result = streams.invoke(bench.conversations[side.name])
    return startup_ms + result.first_ms, streams.cpu_ms


def _warm(bench: Bench, count: int) -> list[Comparison]:
    """Measures turns of warm processes. Both sides run, but only comparison works at a time."""
    with ExitStack() as stack:
        turns, streams = (
            {
                side.name: stack.enter_context(process_type(side, bench.python, bench.environment))
                for side in bench.sides
            }
            for process_type in (Turns, Streams)
        )

        def one_turn(side: Side) -> Figures:
            started = time.perf_counter()
            turns[side.name].invoke(turn(bench.conversations[side.name]))
            return ((time.perf_counter() - started) * 1000,)

        def one_stream(side: Side) -> Figures:
            result = streams[side.name].invoke(bench.conversations[side.name])
            return result.first_ms, result.last_ms

        turn_times, stream_times = (_alternated(bench, WARM_UP, count, measure) for measure in (one_turn, one_stream))
    return [
        _comparison("warmTurn", "warm: turn", turn_times, 0),
        _comparison("warmFirstEvent", "warm: request to first event", stream_times, 0),
        _comparison(
            "warmStream", f"warm: request to end of a stream of {len(mock_aws.PIECES)} pieces", stream_times, 1
        ),
    ]


def _alternated(bench: Bench, warm_up: int, count: int, measure: Callable[[Side], Figures]) -> list[dict[str, Figures]]:
    """Measures pairs with alternating order, and drops the warm-up pairs."""
    pairs = []
    for number in range(warm_up + count):
        order = bench.sides if number % 2 else bench.sides[::-1]
        pairs.append({side.name: measure(side) for side in order})
    return pairs[warm_up:]


def _comparison(key: str, name: str, pairs: list[dict[str, Figures]], index: int) -> Comparison:
    project, baseline = ([pair[side][index] for pair in pairs] for side in ("project", "baseline"))
    return Comparison(key, name, project, baseline)


def _without_model(comparison: Comparison, model_ms: float) -> Comparison:
    """The figure without the model's delay."""
    if comparison.key.endswith("Cpu"):
        return comparison
    return comparison._replace(
        project=[value - model_ms for value in comparison.project],
        baseline=[value - model_ms for value in comparison.baseline],
    )


def _count_calls(bench: Bench, side: Side, calls: Callable[[], dict[str, int]]) -> dict[str, int]:
    """The AWS calls in a turn and a stream. Raises `BenchmarkError` if the model gets an incomplete conversation."""
    calls()
    with Turns(side, bench.python, bench.environment) as turns:
        turns.invoke(turn(bench.conversations[side.name]))
    with Streams(side, bench.python, bench.environment) as streams:
        streams.invoke(bench.conversations[side.name])
    counts = calls()
    messages = PREPARED_TURNS * 2 + 1
    if any(counts.get(f"{call} of {messages} messages") != 1 for call in ("Converse", "ConverseStream")):
        raise BenchmarkError(f"{side.name} makes other calls to the model: {counts}")
    return counts


def _bare_python() -> Path:
    """An empty environment: a function's package has all its imports."""
    folder = WORK / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", str(folder)], check=True)
    return folder / "bin" / "python"


def _environment(port: int) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        # A function's folder is read-only on Lambda, so modules are not compiled at run time.
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ENDPOINT_URL": f"http://{mock_aws.HOST}:{port}",
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
        "QUEUE_URL": f"http://{mock_aws.HOST}:{port}/123456789012/benchmark",
        "POWERTOOLS_SERVICE_NAME": "chatbot",
        "POWERTOOLS_METRICS_NAMESPACE": "BedrockEndpoints",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def _report(comparisons: list[Comparison], calls_of: dict[str, dict[str, int]], loads: list[float]) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        # One-minute averages before and after. The benchmark causes about 1; more makes the figures less reliable.
        "loadAverage": [round(load, 1) for load in loads],
        "aim": AIM,
        "versions": pins(locked(BASELINE)),
        # In a turn and a stream together.
        "awsCalls": calls_of,
        "figures": [document(comparison) for comparison in comparisons],
    }


if __name__ == "__main__":
    main()
