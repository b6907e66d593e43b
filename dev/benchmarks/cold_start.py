"""How long our functions take to start, beside functions that do the same work in the common way.

Each start is a fresh process under Lambda's runtime interface emulator, one at a time, ours and the peer's in turn. The
emulator reports the init time: from starting Python to the moment the handler is ready. `README.md` says what is
compared with what.
"""

import argparse
import hashlib
import http.client
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from dev.tools.lock import export

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "dev" / "benchmarks"
WORK = ROOT / ".cache" / "benchmarks"
RESULT = HERE / "results" / "cold_start.json"
AIM = 0.45
START_SECONDS = 30
INVOKE_PATH = "/2015-03-31/functions/function/invocations"
INIT_REPORT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")
# Which of the two refuses a field it does not know with which status.
REFUSED = {"ours": 400, "peer": 422}


class BenchmarkError(Exception):
    """Something did not run as it must for the figures to mean anything; the message has what was said."""


class UseCase(NamedTuple):
    """`services` as in the use case's stack, `models` one that it offers, `path` a POST route."""

    name: str
    services: tuple[str, ...]
    models: str
    path: str


USE_CASES = (
    UseCase("image_generation", ("bedrock-runtime", "dynamodb", "s3"), "stability.stable-image-core-v1:1", "/images"),
    UseCase("summarization", ("bedrock-runtime", "dynamodb"), "us.amazon.nova-lite-v1:0", "/summaries"),
    UseCase("embeddings", ("bedrock-runtime", "dynamodb"), "amazon.titan-embed-text-v2:0", "/embeddings"),
)


class Function(NamedTuple):
    """What the emulator is given: a folder as unpacked from a zip file, and the handler in it."""

    side: str
    use_case: UseCase
    package: Path
    handler: str


class Start(NamedTuple):
    """One cold start, in milliseconds. `request_ms`: the caller's wait, init and first answer together."""

    init_ms: float
    request_ms: float


class Comparison(NamedTuple):
    """All starts of one use case; the same place in both lists is one pair, run one after the other."""

    use_case: str
    ours: list[Start]
    peer: list[Start]

    @property
    def ratio_of_medians(self) -> float:
        return _median(self.ours, "init_ms") / _median(self.peer, "init_ms")

    @property
    def median_of_ratios(self) -> float:
        return statistics.median(ours.init_ms / peer.init_ms for ours, peer in zip(self.ours, self.peer, strict=True))

    @property
    def request_ratio(self) -> float:
        """Of the medians of the whole first request."""
        return _median(self.ours, "request_ms") / _median(self.peer, "request_ms")


def main() -> None:
    """Builds both sides, measures, prints a table and writes `results/cold_start.json`."""
    arguments = _arguments()
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        sys.exit("The emulator used here is a Linux program for x86-64; this machine cannot run it.")
    try:
        comparisons = _compare(arguments.runs, [case for case in USE_CASES if case.name in arguments.use_case])
    except BenchmarkError as error:
        sys.exit(str(error))
    print(table(comparisons))
    if len(comparisons) == len(USE_CASES):
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(report(comparisons), indent=2) + "\n", "utf-8")


def table(comparisons: list[Comparison]) -> str:
    """The medians and ratios as a Markdown table."""
    lines = [
        "| function | ours, init ms | peer, init ms | ratio of medians | median of paired ratios | first request |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {case.use_case} | {_median(case.ours, 'init_ms'):.0f} | {_median(case.peer, 'init_ms'):.0f} "
        f"| {case.ratio_of_medians:.3f} | {case.median_of_ratios:.3f} | {case.request_ratio:.3f} |"
        for case in comparisons
    ]
    return "\n".join(lines)


def report(comparisons: list[Comparison]) -> dict[str, Any]:
    """What is kept of a run: the figures, every single start, and what they depend on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        # Of the last minute. The benchmark itself makes about 1; more makes the figures worth less.
        "loadAverage": round(os.getloadavg()[0], 1),
        "aim": AIM,
        "runs": len(comparisons[0].ours),
        "versions": {**pins(locked("bench-tools")), **pins(locked("bench-baseline"))},
        "functions": [
            {
                "useCase": case.use_case,
                "ours": _side(case.ours),
                "peer": _side(case.peer),
                "ratioOfMedians": round(case.ratio_of_medians, 3),
                "medianOfPairedRatios": round(case.median_of_ratios, 3),
                "firstRequestRatio": round(case.request_ratio, 3),
            }
            for case in comparisons
        ],
    }


def pins(requirements: Path) -> dict[str, str]:
    """The versions in a locked requirements file, by package."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\\s]+)", requirements.read_text("utf-8"), re.MULTILINE))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=10, help="starts of each function (default 10)")
    names = [case.name for case in USE_CASES]
    parser.add_argument("--use-case", choices=names, nargs="+", default=names, help="leave the result file as it is")
    return parser.parse_args()


def _compare(runs: int, use_cases: list[UseCase]) -> list[Comparison]:
    # It has the runtime interface client and the emulator.
    python = environment_for("bench-tools")
    peer = peer_package("bench-baseline")
    comparisons = []
    for case in use_cases:
        ours_function = Function(
            "ours", case, our_package(case.name, case.services), f"lambda_src.{case.name}.handler.handler"
        )
        peer_function = Function("peer", case, peer, f"peer.{case.name}.handler")
        # Not counted: it brings the files of both into memory.
        _start(ours_function, python), _start(peer_function, python)
        pairs = [(_start(ours_function, python), _start(peer_function, python)) for _ in range(runs)]
        comparisons.append(Comparison(case.name, [ours for ours, _ in pairs], [other for _, other in pairs]))
    return comparisons


def locked(group: str) -> Path:
    """A requirements file with the locked versions of a dependency group."""
    path = WORK / f"{group}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(export(("--only-group", group)), encoding="utf-8")
    return path


def environment_for(group: str) -> Path:
    """The Python of a virtual environment with a locked dependency group."""
    requirements = locked(group)
    environment = _folder(group, requirements)
    python = environment / "bin" / "python"
    if not (environment / "ready").exists():
        # Not uv's: its environments run code at each start of Python, which Lambda's Python does not.
        _run(sys.executable, "-m", "venv", "--without-pip", "--clear", str(environment))
        _install(requirements, "--python", str(python))
        (environment / "ready").touch()
    return python


def our_package(use_case: str, services: tuple[str, ...], part: str = "") -> Path:
    """As `cdk deploy` would zip it for a runtime like this interpreter. `part` is the folder of another handler."""
    # The CDK starts Node when it is imported.
    os.environ["PATH"] = os.pathsep.join((str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]))
    from stacks.common.bundling import Package, build
    from stacks.common.package_target import host_target

    folder = WORK / "-".join(filter(None, ("ours", use_case, part)))
    shutil.rmtree(folder, ignore_errors=True)
    build(Package(use_case=use_case, part=part, target=host_target(), services=services), folder)
    return folder


def peer_package(group: str) -> Path:
    """As `pip install --target` leaves it: nothing trimmed, and everything compiled with pip's kind of `.pyc`."""
    requirements = locked(group)
    folder = _folder(group, requirements)
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _install(requirements, "--compile-bytecode", "--python", sys.executable, "--target", str(folder))
        (folder / "ready").touch()
    shutil.rmtree(folder / "peer", ignore_errors=True)
    shutil.copytree(HERE / "peer", folder / "peer", ignore=shutil.ignore_patterns("__pycache__"))
    _run(sys.executable, "-m", "compileall", "-q", str(folder / "peer"))
    return folder


def _folder(name: str, requirements: Path) -> Path:
    content = requirements.read_bytes() + sys.version.encode()
    return WORK / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"


def _install(requirements: Path, *options: str) -> None:
    uv = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    if uv is None:
        raise BenchmarkError("uv is not installed; `make setup` installs it into .venv")
    # The group is locked with all its dependencies.
    flags = ("--quiet", "--require-hashes", "--no-deps", "--link-mode", "copy")
    _run(uv, "pip", "install", *flags, *options, "-r", str(requirements))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{Path(command[0]).name} failed: {(done.stdout + done.stderr).strip()}")


def _start(function: Function, python: Path) -> Start:
    """One cold start: the emulator starts the function at its first request, which is answered without a network."""
    with tempfile.TemporaryFile("w+") as log, _emulator(function, python, log) as port:
        began = time.perf_counter()
        answer = _invoke(port, _event(function.use_case))
        request_ms = (time.perf_counter() - began) * 1000
        log.seek(0)
        said = log.read()
    reported = INIT_REPORT.search(said)
    if answer.get("statusCode") != REFUSED[function.side] or reported is None:
        raise BenchmarkError(f"{function.side} {function.use_case.name} answered {answer}\n{said}")
    return Start(float(reported[1]), request_ms)


@contextmanager
def _emulator(function: Function, python: Path, log: Any) -> Iterator[int]:
    """A running emulator; gives the port that it takes requests on."""
    port, api_port = _free_ports()
    emulator = next(python.parents[1].glob("lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))
    command = [str(emulator), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{api_port}", "--log-level", "info"]
    process = subprocess.Popen(
        [*command, str(python), "-m", "awslambdaric", function.handler],
        cwd=function.package,
        env=_environment(function),
        stdout=log,
        stderr=log,
    )
    try:
        _wait(port, process)
        yield port
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kills the emulator and its function and waits for both, so that their exit does not overlap the next start."""
    # The emulator starts the function in a separate process group, so killing the emulator does not kill it.
    functions = psutil.Process(process.pid).children()
    process.kill()
    for function in functions:
        with suppress(psutil.NoSuchProcess):
            function.kill()
    process.wait()
    psutil.wait_procs(functions)


def _environment(function: Function) -> dict[str, str]:
    case = function.use_case
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "LAMBDA_TASK_ROOT": str(function.package),
        # A function's folder is read-only on Lambda: what is not compiled stays so.
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "not-a-key",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_SESSION_TOKEN": "not-a-token",
        "STAGE": "benchmark",
        "USE_CASE": case.name,
        "MODELS": case.models,
        "TABLE_NAME": "benchmark",
        "BUCKET_NAME": "benchmark",
        "POWERTOOLS_SERVICE_NAME": case.name.replace("_", "-"),
        "POWERTOOLS_METRICS_NAMESPACE": "BedrockEndpoints",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def _free_ports() -> tuple[int, int]:
    # Both held at once, so that they differ.
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    raise BenchmarkError(f"the emulator did not start; status {process.poll()}")


def _invoke(port: int, event: dict[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        connection.request("POST", INVOKE_PATH, json.dumps(event))
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer


def _event(case: UseCase) -> dict[str, Any]:
    """API Gateway's event of a request that both sides refuse once they have read its body."""
    return {
        "httpMethod": "POST",
        "resource": case.path,
        "path": case.path,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "requestContext": {
            "requestId": "benchmark",
            "path": case.path,
            "stage": "benchmark",
            "identity": {"userArn": "arn:aws:iam::123456789012:user/benchmark"},
        },
        "body": '{"noSuchField": true}',
        "isBase64Encoded": False,
    }


def _median(starts: list[Start], field: str) -> float:
    return float(statistics.median(getattr(start, field) for start in starts))


def _side(starts: list[Start]) -> dict[str, Any]:
    return {
        "initMs": round(_median(starts, "init_ms"), 1),
        "firstRequestMs": round(_median(starts, "request_ms"), 1),
        "allInitMs": [round(start.init_ms, 1) for start in starts],
    }


if __name__ == "__main__":
    main()
