import json
from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.image_generation.routes import ROUTES as IMAGE_ROUTES
from stacks.common.gateway_responses import GATEWAY_ERRORS
from stacks.common.use_case_api import ACCESS_LOG_FIELDS
from tests.stacks.assemblies import Assembly, Template

# docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
DOCUMENTED = {
    *("ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE"),
    *("BAD_REQUEST_PARAMETERS", "BAD_REQUEST_BODY", "DEFAULT_4XX", "DEFAULT_5XX"),
    *("EXPIRED_TOKEN", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_API_KEY"),
    *("INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE"),
    *("RESOURCE_NOT_FOUND", "THROTTLED", "UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE"),
    *("WAF_FILTERED",),
}
# The defaults for their status have the right code. There are no API keys, so neither they nor quotas can be exceeded.
COVERED_BY_THE_DEFAULTS = {
    *("ACCESS_DENIED", "WAF_FILTERED", "INVALID_API_KEY", "QUOTA_EXCEEDED"),
    *("API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE"),
}


@pytest.fixture
def images(assembly_of: Callable[[str], Assembly]) -> Template:
    return assembly_of("dev").template("image-generation")


def paths(template: Template) -> dict[str, str]:
    """The path of each API resource by logical id."""
    resources = template.resources("AWS::ApiGateway::Resource")

    def path(name: str) -> str:
        properties = resources[name]["Properties"]
        parent = properties["ParentId"].get("Ref")
        return (path(parent) if parent else "") + "/" + str(properties["PathPart"])

    return {name: path(name) for name in resources}


def methods(template: Template) -> dict[tuple[str, str], dict[str, Any]]:
    """The properties of each method by HTTP method and path."""
    by_id = paths(template)
    return {
        (method["HttpMethod"], by_id.get(method["ResourceId"].get("Ref"), "/")): method
        for method in template.properties("AWS::ApiGateway::Method")
    }


def gateway_response(template: Template, response_type: str) -> dict[str, Any]:
    responses = template.properties("AWS::ApiGateway::GatewayResponse")
    (match,) = [response for response in responses if response["ResponseType"] == response_type]
    return match


def test_every_route_is_a_method(images: Template) -> None:
    expected = {(route.method, route.path) for route in IMAGE_ROUTES}

    assert expected <= methods(images).keys()


def test_other_requests_reach_the_function(images: Template) -> None:
    """The function returns 404 or 401, where the gateway would return 403 for both."""
    others = {key for key in methods(images) if key not in {(route.method, route.path) for route in IMAGE_ROUTES}}

    assert others == {("ANY", path) for path in (*paths(images).values(), "/")}
    assert "/{proxy+}" in paths(images).values()


def test_the_gateway_refuses_nothing_that_it_cannot_explain(images: Template) -> None:
    assert not images.resources("AWS::ApiGateway::RequestValidator")
    assert not images.resources("AWS::ApiGateway::Model")
    for method in methods(images).values():
        assert not method.keys() & {"RequestValidatorId", "RequestModels", "RequestParameters"}


def test_routes_that_call_a_model_have_separate_limits(images: Template) -> None:
    settings = images.only("AWS::ApiGateway::Stage")["MethodSettings"]
    limits = {
        (method["HttpMethod"], method["ResourcePath"]): (method["ThrottlingRateLimit"], method["ThrottlingBurstLimit"])
        for method in settings
    }

    assert limits["*", "/*"] == (20, 40)
    assert limits["POST", "/~1images"] == (5, 10)
    assert all(method["DataTraceEnabled"] is False and method["LoggingLevel"] == "ERROR" for method in settings)


def test_the_access_log_has_the_caller_and_no_content(images: Template) -> None:
    stage = images.only("AWS::ApiGateway::Stage")

    assert json.loads(stage["AccessLogSetting"]["Format"]) == ACCESS_LOG_FIELDS
    assert ACCESS_LOG_FIELDS["principal"] == "$context.identity.userArn"
    # The resource's path is logged instead: it contains no caller's data.
    assert not any("querystring" in value or value == "$context.path" for value in ACCESS_LOG_FIELDS.values())
    assert stage["TracingEnabled"] is True


def test_every_gateway_error_has_the_apis_format(images: Template) -> None:
    assert GATEWAY_ERRORS.keys() == DOCUMENTED - COVERED_BY_THE_DEFAULTS
    for response_type in GATEWAY_ERRORS:
        template = gateway_response(images, response_type)["ResponseTemplates"]["application/json"]
        # The gateway replaces its variables; the value of messageString is quoted.
        body = json.loads(template.replace("$context.error.messageString", '"message"'))
        assert body["error"].keys() - {"details"} == {"code", "message", "requestId"}
        if body["error"]["code"] == "invalid_request":
            (detail,) = body["error"]["details"]
            assert detail["path"]
            assert detail["message"] == body["error"]["message"]


@pytest.mark.parametrize(
    ("response_type", "status", "code"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "401", "unauthorized"),
        ("INVALID_SIGNATURE", "401", "unauthorized"),
        ("REQUEST_TOO_LARGE", "413", "too_large"),
        ("THROTTLED", "429", "throttled"),
        ("BAD_REQUEST_BODY", "400", "invalid_request"),
        ("INTEGRATION_TIMEOUT", "504", "deadline"),
        ("INTEGRATION_FAILURE", "503", "unavailable"),
        # These keep the gateway's status.
        ("DEFAULT_4XX", None, "forbidden"),
        ("DEFAULT_5XX", None, "internal"),
    ],
)
def test_gateway_errors_have_the_apis_codes(
    images: Template, response_type: str, status: str | None, code: str
) -> None:
    response = gateway_response(images, response_type)

    assert response.get("StatusCode") == status
    assert f'"code":"{code}"' in response["ResponseTemplates"]["application/json"]


def test_temporary_errors_have_a_retry_after_header(images: Template) -> None:
    assert gateway_response(images, "THROTTLED")["ResponseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    assert "gatewayresponse.header.Retry-After" in gateway_response(images, "INTEGRATION_FAILURE")["ResponseParameters"]


@pytest.mark.parametrize(("stage", "origin"), [("shared", "'https://one.example'"), ("browser", "'*'"), ("dev", None)])
def test_gateway_errors_have_cors_headers(
    stage: str, origin: str | None, assembly_of: Callable[[str], Assembly]
) -> None:
    parameters = gateway_response(assembly_of(stage).template("embeddings"), "THROTTLED")["ResponseParameters"]

    assert parameters.get("gatewayresponse.header.Access-Control-Allow-Origin") == origin


def test_the_accounts_logging_role_is_unchanged(images: Template) -> None:
    assert images.resources("AWS::ApiGateway::Account") == {}
