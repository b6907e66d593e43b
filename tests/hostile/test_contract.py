"""Generated requests to every route of the running local stage: only documented answers, and no failure of ours.

`EXAMPLES=200` generates more of them than the tests do.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from lambda_src.registry import USE_CASES
from tests.e2e.caller import Target

pytestmark = pytest.mark.e2e

DOCUMENTS = Path(__file__).parents[2] / "docs" / "openapi"
EXAMPLES = int(os.environ.get("EXAMPLES", "6"))
# Busy, not broken: the local models answer one request at a time.
BUSY = {429, 504}


@pytest.fixture(scope="module")
def target() -> Target:
    return Target("local")


@pytest.fixture(scope="module")
def http(target: Target) -> Iterator[httpx.Client]:
    stage = target.stage
    with closing(httpx.Client(verify=stage.ssl_context, auth=stage.auth, timeout=40, trust_env=False)) as client:
        yield client


@pytest.mark.parametrize("use_case", [use_case.id for use_case in USE_CASES])
def test_every_answer_is_documented(use_case: str, target: Target, http: httpx.Client) -> None:
    schema = schemathesis.openapi.from_path(DOCUMENTS / f"{use_case}.json")
    base = target.stage.url(use_case).rstrip("/")

    unexpected = [fault for result in schema.get_all_operations() for fault in faults(result.ok(), http, base)]

    assert not unexpected


def faults(operation: Any, http: httpx.Client, base: str) -> list[str]:
    """The answers to generated valid and invalid requests that the document does not allow."""
    unexpected: list[str] = []
    cases = st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def send(case: Any) -> None:
        try:
            request = prepared(case, base)
        except (requests.RequestException, httpx.InvalidURL, UnicodeEncodeError):
            return  # no HTTP client can send it
        response = http.send(request)
        status = response.status_code
        if str(status) not in operation.responses.status_codes or (status >= 500 and status not in BUSY):
            unexpected.append(f"{status} {response.text[:200]} {case.as_curl_command()[:500]}")

    send()
    return unexpected


def prepared(case: Any, base: str) -> httpx.Request:
    """The generated request, for our client, which signs it."""
    request = requests.Request(**case.as_transport_kwargs(base_url=base)).prepare()
    return httpx.Request(request.method, request.url, headers=dict(request.headers), content=request.body)
