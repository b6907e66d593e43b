"""What every endpoint has in common: authentication, authorization, and the form of errors."""

import uuid
from typing import Any

import msgspec
import pytest

from dev.tools.openapi import body_of
from lambda_src.registry import USE_CASES
from lambda_src.shared.routes import Route

pytestmark = pytest.mark.e2e

# Paths with parameters would need a resource that exists.
POSTS = [
    pytest.param(use_case.id, route, body_of(use_case, route), id=f"{use_case.id} {route.path}")
    for use_case in USE_CASES
    for route in use_case.routes
    if route.method == "POST" and route.request and "{" not in route.path
]


def takes_model(request: Any) -> bool:
    return "model" in {field.encode_name for field in msgspec.structs.fields(request)}


def check_error(response: Any, status: int, code: str) -> None:
    assert (response.status, response.code) == (status, code), response.raw
    assert response.body["error"]["message"]
    assert response.body["error"]["requestId"]
    if status == 400:
        details = response.body["error"]["details"]
        assert details
        assert all(detail["path"] and detail["message"] for detail in details)


@pytest.mark.parametrize(("use_case", "route", "body"), POSTS)
class TestEveryPost:
    def test_without_a_signature(self, unsigned_caller: Any, use_case: str, route: Route, body: Any) -> None:
        check_error(unsigned_caller.call("POST", use_case, route.path, body), 401, "unauthorized")

    def test_with_a_bad_signature(self, caller: Any, use_case: str, route: Route, body: Any) -> None:
        check_error(caller.call("POST", use_case, route.path, body, tamper=True), 401, "unauthorized")

    def test_without_permission(self, forbidden_caller: Any, use_case: str, route: Route, body: Any) -> None:
        check_error(forbidden_caller.call("POST", use_case, route.path, body), 403, "forbidden")

    def test_with_an_unknown_field(self, caller: Any, use_case: str, route: Route, body: Any) -> None:
        response = caller.call("POST", use_case, route.path, {**body, "color": "red"})
        check_error(response, 400, "invalid_request")
        assert response.body["error"]["details"] == [{"path": "body.color", "message": "is unknown"}]

    def test_with_another_content_type(self, caller: Any, use_case: str, route: Route, body: Any) -> None:
        response = caller.call("POST", use_case, route.path, body, headers={"Content-Type": "text/plain"})
        check_error(response, 400, "invalid_request")

    def test_with_a_body_that_is_not_json(self, caller: Any, use_case: str, route: Route, body: Any) -> None:
        check_error(caller.call("POST", use_case, route.path, b"{"), 400, "invalid_request")

    def test_with_a_model_that_is_not_offered(self, caller: Any, use_case: str, route: Route, body: Any) -> None:
        if not takes_model(route.request):
            pytest.skip("takes no model")
        check_error(caller.call("POST", use_case, route.path, {**body, "model": "other.model"}), 400, "invalid_request")


@pytest.mark.parametrize("use_case", [use_case.id for use_case in USE_CASES])
def test_an_unknown_route(caller: Any, use_case: str) -> None:
    check_error(caller.call("GET", use_case, "/nothing/here"), 404, "not_found")


def test_an_id_longer_than_a_key(caller: Any) -> None:
    check_error(caller.call("GET", "summarization", "/summaries/" + "a" * 1_100), 404, "not_found")


def test_an_unknown_method(caller: Any) -> None:
    check_error(caller.call("DELETE", "image-generation", "/images"), 404, "not_found")


def test_a_body_over_the_limit(caller: Any) -> None:
    padded = b'{"prompt": "x"' + b" " * 1_100_000 + b"}"
    check_error(caller.call("POST", "image-generation", "/images", padded), 413, "too_large")


def test_a_prompt_over_the_limit(caller: Any) -> None:
    response = caller.call("POST", "image-generation", "/images", {"prompt": "x" * 2001})
    check_error(response, 400, "invalid_request")


def test_an_unknown_query_parameter(caller: Any) -> None:
    check_error(caller.call("GET", "image-generation", "/images", query={"color": "red"}), 400, "invalid_request")


def test_an_invalid_cursor(caller: Any) -> None:
    check_error(caller.call("GET", "summarization", "/summaries", query={"cursor": "x"}), 400, "invalid_request")


@pytest.mark.parametrize(
    ("marker", "status", "code"),
    [
        ("ThrottlingException", 429, "throttled"),
        ("ServiceUnavailableException", 503, "unavailable"),
        ("AccessDeniedException", 503, "model_unavailable"),
        ("ResourceNotFoundException", 503, "model_unavailable"),
        ("ModelErrorException", 502, "model_error"),
        ("ModelTimeoutException", 504, "deadline"),
        ("ValidationException", 400, "invalid_request"),
    ],
)
def test_a_failing_model(caller: Any, local_only: None, marker: str, status: int, code: str) -> None:
    response = caller.call("POST", "embeddings", "/embeddings", {"texts": [f"pump [[simulate:{marker}]]"]})
    check_error(response, status, code)
    assert ("Retry-After" in response.headers) == (code in ("throttled", "unavailable"))


def test_a_temporary_fault_is_retried(caller: Any, local_only: None) -> None:
    marker = f"[[simulate:ThrottlingException:2:{uuid.uuid4().hex}]]"
    assert caller.call("POST", "embeddings", "/embeddings", {"texts": [f"pump {marker}"]}).status == 200


def test_a_prompt_that_the_model_refuses(caller: Any, local_only: None) -> None:
    response = caller.call("POST", "image-generation", "/images", {"prompt": "a poster [[simulate:refusal]]"})
    check_error(response, 422, "refused")


def test_a_prompt_that_the_guardrail_blocks(caller: Any) -> None:
    prompt = "a poster with the card number 4111111111111111"
    check_error(caller.call("POST", "image-generation", "/images", {"prompt": prompt}), 422, "refused")


def test_a_model_that_takes_too_long(caller: Any, local_only: None) -> None:
    response = caller.call("POST", "embeddings", "/embeddings", {"texts": ["[[simulate:slow:35]]"]})
    check_error(response, 504, "deadline")


def test_another_callers_resource_is_not_found(caller: Any, other_caller: Any) -> None:
    image = caller.call("POST", "image-generation", "/images", {"prompt": "a lighthouse"}).body["items"][0]
    path = f"/images/{image['id']}"
    check_error(other_caller.call("GET", "image-generation", path), 404, "not_found")
    check_error(other_caller.call("DELETE", "image-generation", path), 404, "not_found")
    assert caller.call("GET", "image-generation", path).status == 200
