"""Compares the functions' start-up time with that of baseline functions, written in the usual way.

Each start is a new process under Lambda's runtime interface emulator, one at a time, alternating between project and
baseline. The emulator reports the init time: from the start of Python until the handler is ready. `README.md` describes
the comparison.
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
# The status with which each side rejects an unknown field.
REFUSED = {"project": 400, "baseline": 422}


class BenchmarkError(Exception):
    """A failure that makes the figures invalid; the message has the output."""


class UseCase(NamedTuple):
    """`services` are those in the stack, `models` is one of the use case's models or empty, and `path` a POST route."""

    name: str
    services: tuple[str, ...]
    models: str
    path: str


USE_CASES = (
    UseCase("image_generation", ("bedrock-runtime", "dynamodb", "s3"), "stability.stable-image-core-v1:1", "/images"),
    UseCase("summarization", ("bedrock-runtime", "dynamodb", "s3"), "us.amazon.nova-lite-v1:0", "/summaries"),
    UseCase("embeddings", ("bedrock-runtime", "dynamodb"), "amazon.titan-embed-text-v2:0", "/embeddings"),
    UseCase("credit_risk", ("dynamodb", "s3", "sqs"), "", "/scores"),
)


class Function(NamedTuple):
    """The emulator's input: an unpacked package and its handler."""

    side: str
    use_case: UseCase
    package: Path
    handler: str


class Start(NamedTuple):
    """One cold start in milliseconds. `request_ms` is the first request's latency, including init."""

    init_ms: float
    request_ms: float


class Comparison(NamedTuple):
    """All starts of one use case. Starts at the same index are a pair, run one after the other."""

    use_case: str
    project: list[Start]
    baseline: list[Start]

    @property
    def ratio_of_medians(self) -> float:
        return _median(self.project, "init_ms") / _median(self.baseline, "init_ms")

    @property
    def median_of_ratios(self) -> float:
        return statistics.median(
            project.init_ms / baseline.init_ms for project, baseline in zip(self.project, self.baseline, strict=True)
        )

    @property
    def request_ratio(self) -> float:
        """The ratio of the first requests' median latencies."""
        return _median(self.project, "request_ms") / _median(self.baseline, "request_ms")


def main() -> None:
    """Builds both sides, measures, prints a table, and writes `results/cold_start.json`."""
    arguments = _arguments()
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        sys.exit("This benchmark needs Linux on x86-64 for Lambda's emulator.")
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
        "| function | project, init ms | baseline, init ms | ratio of medians "
        "| median of paired ratios | first request |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {case.use_case} | {_median(case.project, 'init_ms'):.0f} | {_median(case.baseline, 'init_ms'):.0f} "
        f"| {case.ratio_of_medians:.3f} | {case.median_of_ratios:.3f} | {case.request_ratio:.3f} |"
        for case in comparisons
    ]
    return "\n".join(lines)


def report(comparisons: list[Comparison]) -> dict[str, Any]:
    """A run for the result file: figures, all starts, and versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        # The one-minute average. The benchmark itself causes about 1; more makes the figures less reliable.
        "loadAverage": round(os.getloadavg()[0], 1),
        "aim": AIM,
        "runs": len(comparisons[0].project),
        "versions": {**pins(locked("bench-tools")), **pins(locked("bench-baseline"))},
        "functions": [
            {
                "useCase": case.use_case,
                "project": _side(case.project),
                "baseline": _side(case.baseline),
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
    parser.add_argument(
        "--use-case",
        choices=names,
        nargs="+",
        default=names,
        help="measure these only, without writing the result file",
    )
    return parser.parse_args()


def _compare(runs: int, use_cases: list[UseCase]) -> list[Comparison]:
    # This environment has the runtime interface client and the emulator.
    python = environment_for("bench-tools")
    baseline = baseline_package("bench-baseline")
    comparisons = []
    for case in use_cases:
        project_function = Function(
            "project", case, project_package(case.name, case.services), f"lambda_src.{case.name}.handler.handler"
        )
        baseline_function = Function("baseline", case, baseline, f"baseline.{case.name}.handler")
        # Not counted: the first starts load the files into memory.
        _start(project_function, python), _start(baseline_function, python)
        pairs = [(_start(project_function, python), _start(baseline_function, python)) for _ in range(runs)]
        comparisons.append(
            Comparison(case.name, [project for project, _ in pairs], [baseline for _, baseline in pairs])
        )
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
        # Not `uv venv`: its environments run code at every start of Python, unlike Lambda.
        _run(sys.executable, "-m", "venv", "--without-pip", "--clear", str(environment))
        _install(requirements, "--python", str(python))
        (environment / "ready").touch()
    return python


def project_package(use_case: str, services: tuple[str, ...], part: str = "") -> Path:
    """Builds a package for this interpreter as `cdk deploy` does. `part` is the folder of another handler."""
    # Importing the CDK starts Node.
    os.environ["PATH"] = os.pathsep.join((str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]))
    from stacks.common.bundling import Package, build
    from stacks.common.package_target import host_target

    folder = WORK / "-".join(filter(None, ("project", use_case, part)))
    shutil.rmtree(folder, ignore_errors=True)
    build(Package(use_case=use_case, part=part, target=host_target(), services=services), folder)
    return folder


def baseline_package(group: str) -> Path:
    """Builds a package with `pip install --target`: nothing trimmed, all modules compiled as by pip."""
    requirements = locked(group)
    folder = _folder(group, requirements)
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _install(requirements, "--compile-bytecode", "--python", sys.executable, "--target", str(folder))
        (folder / "ready").touch()
    shutil.rmtree(folder / "baseline", ignore_errors=True)
    shutil.copytree(HERE / "baseline", folder / "baseline", ignore=shutil.ignore_patterns("__pycache__"))
    _run(sys.executable, "-m", "compileall", "-q", str(folder / "baseline"))
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
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise BenchmarkError(f"{Path(command[0]).name} failed: {(completed.stdout + completed.stderr).strip()}")


def _start(function: Function, python: Path) -> Start:
    """One cold start: the emulator starts the function on its first request, which needs no network."""
    with tempfile.TemporaryFile("w+") as log, _emulator(function, python, log) as port:
        started = time.perf_counter()
        response = _invoke(port, _event(function.use_case))
        request_ms = (time.perf_counter() - started) * 1000
        log.seek(0)
        output = log.read()
    reported = INIT_REPORT.search(output)
    if response.get("statusCode") != REFUSED[function.side] or reported is None:
        raise BenchmarkError(f"{function.side} {function.use_case.name} returned {response}\n{output}")
    return Start(float(reported[1]), request_ms)


@contextmanager
def _emulator(function: Function, python: Path, log: Any) -> Iterator[int]:
    """Runs an emulator and yields its port."""
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
        # A function's folder is read-only on Lambda, so modules are not compiled at run time.
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
        "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/benchmark",
        "TRAINING_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/trainings",
        "POWERTOOLS_SERVICE_NAME": case.name.replace("_", "-"),
        "POWERTOOLS_METRICS_NAMESPACE": "BedrockEndpoints",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def _free_ports() -> tuple[int, int]:
    # Both sockets are open at the same time, so the ports differ.
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


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
        response: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return response


def _event(case: UseCase) -> dict[str, Any]:
    """API Gateway's event for a request that both sides reject after reading the body."""
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
            "identity": {"user": "AIDABENCHMARK", "userArn": "arn:aws:iam::123456789012:user/benchmark"},
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
