"""`python -m dev.benchmarks.soak [--minutes 10]`: mixed traffic on the running local stage, a closed loop per use case.

Prints errors and latency by operation and the memory of the stage's services over time, as Markdown.
"""

import argparse
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from bedrock_endpoints import Client
from bedrock_endpoints.errors import EndpointError
from dev.local.paths import ROOT, Paths
from dev.local.processes import Process
from dev.local.stage import SERVICES
from dev.tools.stages import open_stage
from lambda_src.registry import USE_CASES

_APPLICATION = {
    "applicant": {"annualIncome": 45_000, "debtToIncome": 18.2, "inquiries6Months": 1, "revolvingUtilization": 38.5},
    "loan": {"amount": 12_000, "termMonths": 36, "purpose": "debtConsolidation"},
}
HANDBOOK = ROOT / "samples" / "handbooks" / "lei_8112_ferias_licencas_servidor.pdf"
SAMPLE_SECONDS = 15.0
INGESTION_SECONDS = 180.0
# After an error, so that a stage that is down does not fill the report.
PAUSE_SECONDS = 1.0


class Recorder:
    """Latencies in seconds, and errors, by operation."""

    def __init__(self) -> None:
        self.latencies: dict[str, list[float]] = defaultdict(list)
        self.errors: dict[str, Counter[str]] = defaultdict(Counter)
        self._lock = threading.Lock()

    def measure(self, operation: str, call: Callable[[], Any]) -> Any:
        """The result of the call, or None for an error of the API."""
        started = time.monotonic()
        error: str | None = None
        result: Any = None
        try:
            result = call()
        except EndpointError as failure:
            error = type(failure).__name__
        with self._lock:
            self.latencies[operation].append(time.monotonic() - started)
            if error:
                self.errors[operation][error] += 1
        if error:
            time.sleep(PAUSE_SECONDS)
        return result


class Traffic:
    """One round of each use case, as a person would use it."""

    def __init__(self, client: Client, recorder: Recorder) -> None:
        self._client = client
        self._measure = recorder.measure

    def chatbot(self) -> None:
        """A conversation of three turns, one of them streamed, and its deletion."""
        conversation = self._request("chatbot", "POST", "/conversations", {"instructions": "Answer briefly."})
        if not conversation:
            return
        path = f"/conversations/{conversation['id']}"
        for text in ("What does a pump do?", "And a valve?"):
            self._request("chatbot", "POST", f"{path}/messages", {"text": text}, name="message")
        body = {"text": "Thank you."}
        self._measure("chatbot stream", lambda: list(self._client.stream("chatbot", f"{path}/messages/stream", body)))
        self._request("chatbot", "DELETE", path, name="delete")

    def summarization(self) -> None:
        """A report and its deletion."""
        body = {"text": "Pump 7 leaks at the seal since Monday. I replaced the seal, pressure is 4.2 bar."}
        report = self._request("summarization", "POST", "/summaries", body)
        if report:
            self._request("summarization", "DELETE", f"/summaries/{report['id']}", name="delete")

    def embeddings(self) -> None:
        """Twenty texts."""
        body = {"texts": [f"The rule number {number} of the handbook." for number in range(20)]}
        self._request("embeddings", "POST", "/embeddings", body)

    def image_generation(self) -> None:
        """A poster and its deletion."""
        images = self._request("image-generation", "POST", "/images", {"prompt": "a lighthouse at night"})
        for image in images["items"] if images else ():
            self._request("image-generation", "DELETE", f"/images/{image['id']}", name="delete")

    def playground(self) -> None:
        """A completion."""
        self._request(
            "playground", "POST", "/completions", {"prompt": "Name three colors.", "parameters": {"maxTokens": 40}}
        )

    def credit_risk(self) -> None:
        """A score, read again, and a review of it. Scores cannot be deleted."""
        score = self._request("credit-risk", "POST", "/scores", _APPLICATION)
        if score:
            path = f"/scores/{score['id']}"
            self._request("credit-risk", "GET", path, name="score")
            review = {"outcome": "upheld", "reason": "Soak test."}
            self._request("credit-risk", "POST", f"{path}/reviews", review, name="review")

    def hr_qa(self) -> None:
        """A handbook from upload to answer, and its deletion."""
        content = HANDBOOK.read_bytes()
        body = {"name": "Soak", "contentType": "application/pdf", "bytes": len(content)}
        document = self._request("hr-qa", "POST", "/documents", body)
        if not document:
            return
        path = f"/documents/{document['id']}"
        self._measure("hr-qa upload to ready", lambda: self._ingest(document, path, content))
        question = {"question": "Quantos dias de férias tem o servidor?", "documents": [document["id"]]}
        self._request("hr-qa", "POST", "/questions", question)
        self._request("hr-qa", "DELETE", path, name="delete")

    def _ingest(self, document: Any, path: str, content: bytes) -> None:
        self._client.upload(document["upload"], content)
        deadline = time.monotonic() + INGESTION_SECONDS
        while self._client.request("hr-qa", "GET", path)["status"] not in ("ready", "failed"):
            if time.monotonic() > deadline:
                raise EndpointError("not ingested in time")
            time.sleep(1)

    def _request(self, use_case: str, method: str, path: str, body: Any = None, name: str = "") -> Any:
        key = uuid.uuid4().hex if method == "POST" else None
        operation = f"{use_case} {name or path.strip('/')}"
        return self._measure(operation, lambda: self._client.request(use_case, method, path, body, idempotency_key=key))


def memory() -> dict[str, int]:
    """Megabytes of each service and its child processes."""
    paths = Paths()
    return {name: Process(name, paths.pids, paths.logs).memory() // 2**20 for name in SERVICES}


def run(minutes: float) -> str:
    """Runs the traffic. Returns the report."""
    recorder, end = Recorder(), time.monotonic() + minutes * 60

    def loop(name: str) -> None:
        with Client(open_stage("local")) as client:
            traffic = Traffic(client, recorder)
            while time.monotonic() < end:
                getattr(traffic, name)()

    threads = [threading.Thread(target=loop, args=(use_case.name,)) for use_case in USE_CASES]
    for thread in threads:
        thread.start()
    samples = [memory()]
    while any(thread.is_alive() for thread in threads):
        time.sleep(SAMPLE_SECONDS)
        samples.append(memory())
    return report(recorder, samples)


def report(recorder: Recorder, samples: Sequence[dict[str, int]]) -> str:
    """Two Markdown tables: operations, and memory."""
    lines = ["| operation | requests | errors | median, s | 95%, s | longest, s |", "|---|---|---|---|---|---|"]
    for operation, latencies in sorted(recorder.latencies.items()):
        ordered = sorted(latencies)
        errors = ", ".join(f"{count} {name}" for name, count in recorder.errors[operation].items()) or "0"
        high = ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
        lines.append(
            f"| {operation} | {len(ordered)} | {errors} | {median(ordered):.2f} | {high:.2f} | {ordered[-1]:.2f} |"
        )
    lines += ["", "| service | memory at the start, MB | highest | at the end |", "|---|---|---|---|"]
    for name in samples[0]:
        values = [sample[name] for sample in samples]
        lines.append(f"| {name} | {values[0]} | {max(values)} | {values[-1]} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs and prints the report."""
    parser = argparse.ArgumentParser(description="Mixed traffic on the running local stage.")
    parser.add_argument("--minutes", type=float, default=10)
    print(run(parser.parse_args(arguments).minutes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
