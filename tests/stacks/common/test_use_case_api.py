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


@pytest.fixture
def images(assembly_of: Callable[[str], Assembly]) -> Template:
    return assembly_of("dev").template("image-generation")


def paths(template: Template) -> dict[str, str]:
    """Logical id of each resource of the API -> its path."""
    resources = template.resources("AWS::ApiGateway::Resource")

    def path(name: str) -> str:
        properties = resources[name]["Properties"]
        parent = properties["ParentId"].get("Ref")
        return (path(parent) if parent else "") + "/" + str(properties["PathPart"])

    return {name: path(name) for name in resources}


def methods(template: Template) -> dict[tuple[str, str], dict[str, Any]]:
    """(method, path) -> properties."""
    known = paths(template)
    return {
        (one["HttpMethod"], known.get(one["ResourceId"].get("Ref"), "/")): one
        for one in template.properties("AWS::ApiGateway::Method")
    }


def response(template: Template, kind: str) -> dict[str, Any]:
    (found,) = [one for one in template.properties("AWS::ApiGateway::GatewayResponse") if one["ResponseType"] == kind]
    return found


def test_every_route_is_a_method(images: Template) -> None:
    expected = {(route.method, route.path) for route in IMAGE_ROUTES}

    assert expected <= methods(images).keys()


def test_anything_else_reaches_the_function(images: Template) -> None:
    """So that it can be answered with 404 and 401, where the gateway has one 403 for both."""
    others = {key for key in methods(images) if key not in {(route.method, route.path) for route in IMAGE_ROUTES}}

    assert others == {("ANY", path) for path in (*paths(images).values(), "/")}
    assert "/{proxy+}" in paths(images).values()


def test_bodies_are_checked_whatever_their_content_type(images: Template) -> None:
    models = images.resources("AWS::ApiGateway::Model")
    for route in IMAGE_ROUTES:
        method = methods(images)[route.method, route.path]
        assert method["RequestValidatorId"]
        if route.request:
            assert models[method["RequestModels"]["$default"]["Ref"]]["Properties"]["Schema"]["type"] == "object"
    assert images.only("AWS::ApiGateway::RequestValidator")["ValidateRequestBody"] is True
    assert images.only("AWS::ApiGateway::RequestValidator")["ValidateRequestParameters"] is True


def test_parameters_are_declared(images: Template) -> None:
    listing = methods(images)["GET", "/images"]["RequestParameters"]
    one = methods(images)["GET", "/images/{id}"]["RequestParameters"]

    assert listing["method.request.querystring.limit"] is False
    assert one == {"method.request.path.id": True}


def test_a_changed_schema_makes_a_new_deployment(images: Template) -> None:
    (deployment,) = images.resources("AWS::ApiGateway::Deployment").values()

    assert set(images.resources("AWS::ApiGateway::Model")) <= set(deployment["DependsOn"])


def test_routes_that_call_a_model_have_limits_of_their_own(images: Template) -> None:
    settings = images.only("AWS::ApiGateway::Stage")["MethodSettings"]
    limits = {
        (one["HttpMethod"], one["ResourcePath"]): (one["ThrottlingRateLimit"], one["ThrottlingBurstLimit"])
        for one in settings
    }

    assert limits["*", "/*"] == (20, 40)
    assert limits["POST", "/~1images"] == (5, 10)
    assert all(one["DataTraceEnabled"] is False and one["LoggingLevel"] == "ERROR" for one in settings)


def test_the_access_log_has_the_caller_and_nothing_of_what_was_said(images: Template) -> None:
    stage = images.only("AWS::ApiGateway::Stage")

    assert json.loads(stage["AccessLogSetting"]["Format"]) == ACCESS_LOG_FIELDS
    assert ACCESS_LOG_FIELDS["principal"] == "$context.identity.userArn"
    # $context.path and its kin hold the query string's neighbours; the route is enough.
    assert not any("querystring" in value or value == "$context.path" for value in ACCESS_LOG_FIELDS.values())
    assert stage["TracingEnabled"] is True


def test_every_documented_gateway_error_has_our_shape(images: Template) -> None:
    assert GATEWAY_ERRORS.keys() == DOCUMENTED
    for kind in DOCUMENTED:
        template = response(images, kind)["ResponseTemplates"]["application/json"]
        # What the gateway puts in for its variables; messageString comes with its quotes.
        body = json.loads(template.replace("$context.error.messageString", '"said"'))
        assert body["error"].keys() - {"details"} == {"code", "message", "requestId"}


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "401", "unauthorized"),
        ("INVALID_SIGNATURE", "401", "unauthorized"),
        ("ACCESS_DENIED", "403", "forbidden"),
        ("REQUEST_TOO_LARGE", "413", "too_large"),
        ("THROTTLED", "429", "throttled"),
        ("BAD_REQUEST_BODY", "400", "invalid_request"),
        ("INTEGRATION_TIMEOUT", "504", "deadline"),
        ("INTEGRATION_FAILURE", "503", "unavailable"),
        ("API_CONFIGURATION_ERROR", "500", "internal"),
    ],
)
def test_gateway_errors_have_the_contract_s_codes(images: Template, kind: str, status: str, code: str) -> None:
    found = response(images, kind)

    assert found["StatusCode"] == status
    assert f'"code":"{code}"' in found["ResponseTemplates"]["application/json"]


def test_who_may_come_again_is_told_when(images: Template) -> None:
    assert response(images, "THROTTLED")["ResponseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    assert "gatewayresponse.header.Retry-After" in response(images, "INTEGRATION_FAILURE")["ResponseParameters"]


@pytest.mark.parametrize(("stage", "origin"), [("shared", "'https://one.example'"), ("browser", "'*'"), ("dev", None)])
def test_browsers_may_read_gateway_errors(
    stage: str, origin: str | None, assembly_of: Callable[[str], Assembly]
) -> None:
    parameters = response(assembly_of(stage).template("embeddings"), "THROTTLED")["ResponseParameters"]

    assert parameters.get("gatewayresponse.header.Access-Control-Allow-Origin") == origin


def test_the_account_s_logging_role_is_left_alone(images: Template) -> None:
    assert images.resources("AWS::ApiGateway::Account") == {}
