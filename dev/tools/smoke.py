"""`python -m dev.tools.smoke --stage STAGE`: one real call for each use case, after a deployment.

It prints one line per use case: `ok`, or what failed and what to do. The exit code is 1 if a call fails. What the calls
create is deleted again. All calls together take at most a minute, and cost about as much as one image.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import Any

from bedrock_endpoints import Client, Stage
from bedrock_endpoints.errors import ConfigurationError, ConnectionFailed, EndpointError, NotDeployed
from dev.local.paths import ROOT
from dev.tools.doctor import read_context, report
from dev.tools.examples import REQUESTS
from dev.tools.findings import Finding, fail, ok, one_line, warning
from dev.tools.stages import open_stage, shell_region
from lambda_src.registry import UseCase
from stacks.loading import ConfigError, load_stage

SECONDS = 60.0
_POLL_SECONDS = 1.0
_SENTENCE = "The smoke test runs after each deployment."
_QUERY = "When does the smoke test run?"


class SmokeFailed(Exception):
    """A response that is not as expected. `advice` says what to do."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


class Api:
    """One use case of the stage under test. `seconds_left` counts down from `SECONDS`."""

    def __init__(self, client: Client, use_case: str, deadline: float) -> None:
        self._client, self._use_case, self._deadline = client, use_case, deadline

    @property
    def seconds_left(self) -> float:
        return self._deadline - time.monotonic()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        return self._client.request(self._use_case, method, path, body)

    def upload(self, form: Mapping[str, Any], content: bytes) -> None:
        self._client.upload(form, content)

    @contextmanager
    def created(self, path: str, body: Any) -> Iterator[Any]:
        """Posts to a collection, and deletes what it created."""
        response = self.send("POST", path, body)
        try:
            yield response
        finally:
            for item in response.get("items", [response]):
                self.send("DELETE", f"{path}/{item['id']}")


def image_generation(api: Api) -> str:
    with api.created("/images", REQUESTS["create_images"]) as response:
        return f"an image by {response['model']}"


def summarization(api: Api) -> str:
    with api.created("/summaries", REQUESTS["create_summary"]) as response:
        return f"a report by {response['model']}"


def embeddings(api: Api) -> str:
    response = api.send("POST", "/embeddings", REQUESTS["create_embeddings"])
    return f"{response['dimensions']} dimensions by {response['model']}"


def chatbot(api: Api) -> str:
    with api.created("/conversations", {"title": "Smoke test", "parameters": {"maxTokens": 50}}) as conversation:
        answer = api.send("POST", f"/conversations/{conversation['id']}/messages", {"text": "Say hello."})
        return f"an answer by {answer['model']}"


def playground(api: Api) -> str:
    response = api.send("POST", "/completions", {"prompt": "Say hello.", "parameters": {"maxTokens": 50}})
    return f"a completion by {response['model']}"


def hr_qa(api: Api) -> str:
    """A filtered search: which engine an index got, and whether it supports filters, only a search shows."""
    content = one_page_pdf(_SENTENCE)
    body = {"name": "Smoke test", "contentType": "application/pdf", "bytes": len(content)}
    with api.created("/documents", body) as document:
        api.upload(document["upload"], content)
        _wait_until_ready(api, document["id"])
        items = api.send("POST", "/searches", {"query": _QUERY, "documents": [document["id"]]})["items"]
        if not any(_SENTENCE in item["text"] for item in items):
            raise SmokeFailed(
                "a document is ready, but a search does not find it",
                "see the log line `search failed`, docs/how-to/operate.md",
            )
    return "a document was read and found"


def _wait_until_ready(api: Api, document: str) -> None:
    while True:
        shown = api.send("GET", f"/documents/{document}")
        if shown["status"] == "ready":
            return
        if shown["status"] == "failed":
            raise SmokeFailed(f"reading a document failed: {shown['error']['code']}", "see the ingestion's log")
        if api.seconds_left < _POLL_SECONDS:
            raise SmokeFailed(
                f"a document is {shown['status']} after {SECONDS:.0f} s",
                "repeat it: the ingestion may have other work, or its collection wakes up; then see its log",
            )
        time.sleep(_POLL_SECONDS)


def credit_risk(api: Api) -> str:
    """Reads the model that scores. A score cannot be deleted, and would count in monitoring."""
    champion = api.send("GET", "/models").get("champion")
    if champion is None:
        return "the models were listed, and none is active"
    card = api.send("GET", f"/models/{champion}/scorecard")
    return f"the active scorecard: {card['name']}, with {len(card['characteristics'])} characteristics"


CHECKS: Mapping[str, Callable[[Api], str]] = {
    "credit-risk": credit_risk,
    "image-generation": image_generation,
    "summarization": summarization,
    "embeddings": embeddings,
    "chatbot": chatbot,
    "playground": playground,
    "hr-qa": hr_qa,
}


def lists(use_case: UseCase) -> Callable[[Api], str]:
    """The check of a use case that has no other: its lists, which need the function and the table, but no model."""
    paths = [route.path for route in use_case.routes if route.method == "GET" and not route.path_parameters]

    def check(api: Api) -> str:
        for path in paths:
            api.send("GET", path)
        return f"{', '.join(paths)} (dev/tools/smoke.py has no call of a model)" if paths else ""

    return check


def run(use_case: UseCase, stage: Stage, deadline: float) -> Finding:
    """Checks one use case."""
    check = CHECKS.get(use_case.id) or lists(use_case)
    started = time.monotonic()
    try:
        # A new stage's first calls may be throttled or start slowly.
        with Client(stage, timeout=max(deadline - started, 1), max_retries=3) as client:
            message = check(Api(client, use_case.id, deadline))
    except NotDeployed as error:
        return fail(use_case.id, one_line(error), f"`make deploy STAGE={stage.name}`")
    except ConfigurationError as error:
        return fail(use_case.id, one_line(error), "check the shell's AWS settings; `make doctor` names the permissions")
    except SmokeFailed as error:
        return fail(use_case.id, str(error), error.advice)
    except EndpointError as error:
        status = " ".join(str(part) for part in (error.status, error.code) if part)
        return fail(use_case.id, one_line(f"{status} {error}".strip()), advice(error, str(stage.name)))
    if not message:
        return warning(use_case.id, "not called", "add a call to dev/tools/smoke.py")
    return ok(use_case.id, f"{message} in {time.monotonic() - started:.1f} s")


def advice(error: EndpointError, stage: str) -> str:
    """What to do about an error."""
    doctor = f"`make doctor STAGE={stage}`"
    if isinstance(error, ConnectionFailed):
        return "check the network; the call may also have taken too long: repeat it"
    return {
        401: "sign in, or set BEDROCK_ENDPOINTS_TOKEN to a token of the stage's user pool (`make token`)",
        403: "grant these credentials execute-api:Invoke on the API (docs/how-to/deploy.md)",
        404: f"the deployed API is older than this code: `make deploy STAGE={stage}`",
        422: "the guardrail or the model declined a harmless text: check the stage's `guardrail`",
        429: f"wait a minute and repeat; {doctor} shows the model's quota",
        502: "repeat it; then see docs/how-to/operate.md, `model_error`",
        503: f"{doctor} checks access to the models; if it passes, see docs/how-to/operate.md, `unavailable`",
        504: "repeat it: the first call of a new stage is the slowest; then see docs/how-to/operate.md, `deadline`",
    }.get(error.status or 0, "find the request's id in the function's log (docs/how-to/operate.md)")


def findings(stage: Stage, use_cases: Sequence[UseCase], seconds: float = SECONDS) -> Iterator[Finding]:
    """Checks the use cases at once, and yields the results in their order."""
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(len(use_cases)) as pool:
        yield from pool.map(lambda use_case: run(use_case, stage, deadline), use_cases)


def one_page_pdf(text: str) -> bytes:
    """A PDF with one line of text."""
    content = f"BT /F 12 Tf 72 720 Td ({text}) Tj ET".encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    pdf, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    size = len(objects) + 1
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % size + entries
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(pdf))
    return pdf + table + trailer


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.tools.smoke", description="Calls each use case of a stage once."
    )
    parser.add_argument("--stage", required=True, help="a stage of cdk.json: local, dev, ...")
    name = parser.parse_args().stage
    try:
        stages = read_context(ROOT).get("stages")
        settings = load_stage(stages, name, today=date.today(), default_region=shell_region())
        return report(findings(open_stage(name), settings.chosen_use_cases))
    except (ConfigurationError, ConfigError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
