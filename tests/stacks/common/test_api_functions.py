"""Streams have a separate function with the web adapter, and the gateway streams their responses."""

from collections.abc import Callable
from typing import Any

from tests.stacks.assemblies import Assembly, Template, plain
from tests.stacks.common.test_use_case_api import methods


def functions(template: Template) -> dict[str, dict[str, Any]]:
    """The logical id and properties of each function by handler."""
    resources = template.resources("AWS::Lambda::Function")
    return {
        function["Properties"]["Handler"]: {"id": name, **function["Properties"]}
        for name, function in resources.items()
    }


def uri(template: Template, path: str) -> tuple[str, dict[str, Any]]:
    integration = methods(template)["POST", path]["Integration"]
    return plain(integration["Uri"]), integration


def actions(template: Template, function: dict[str, Any], prefix: str = "bedrock:Invoke") -> set[str]:
    """The allowed actions of a function's role with a prefix."""
    role = function["Role"]["Fn::GetAtt"][0]
    return {
        action
        for policy in template.properties("AWS::IAM::Policy")
        if policy["Roles"] == [{"Ref": role}]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action.startswith(prefix)
    }


def test_a_streaming_route_integrates_with_its_function_and_streams_the_response(
    assembly_of: Callable[[str], Assembly],
) -> None:
    template = assembly_of("prod").template("playground")
    stream = functions(template)["lambda_src/shared/run.sh"]

    address, integration = uri(template, "/completions/stream")

    assert stream["id"] in address
    assert address.endswith("/response-streaming-invocations")
    assert integration["ResponseTransferMode"] == "STREAM"
    assert integration["TimeoutInMillis"] > stream["Timeout"] * 1000


def test_other_routes_integrate_with_the_plain_function(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("prod").template("playground")

    address, integration = uri(template, "/completions")

    assert functions(template)["lambda_src.playground.handler.handler"]["id"] in address
    assert address.endswith("/invocations")
    assert "ResponseTransferMode" not in integration


def test_the_adapter_is_a_pinned_layer_for_the_architecture(assembly_of: Callable[[str], Assembly]) -> None:
    arm = functions(assembly_of("prod").template("playground"))["lambda_src/shared/run.sh"]
    intel = functions(assembly_of("browser").template("playground"))["lambda_src/shared/run.sh"]

    public = "arn:${AWS::Partition}:lambda:${AWS::Region}:753240598075:layer:LambdaAdapterLayer"
    assert [plain(layer) for layer in arm["Layers"]] == [f"{public}Arm64:30"]
    assert [plain(layer) for layer in intel["Layers"]] == [f"{public}X86:30"]
    assert arm["Environment"]["Variables"].items() >= {
        ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/bootstrap"),
        ("AWS_LWA_INVOKE_MODE", "response_stream"),
    }


def test_each_function_has_only_the_permissions_it_needs(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("prod").template("playground")

    by_handler = functions(template)

    assert actions(template, by_handler["lambda_src.playground.handler.handler"]) == {"bedrock:InvokeModel"}
    assert actions(template, by_handler["lambda_src/shared/run.sh"]) == {"bedrock:InvokeModelWithResponseStream"}


def test_without_the_adapter_one_function_handles_all_routes(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("local").template("playground")

    (handler,) = functions(template)
    _, integration = uri(template, "/completions/stream")

    assert handler == "lambda_src.playground.handler.handler"
    assert actions(template, functions(template)[handler]) == {
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
    }
    assert "ResponseTransferMode" not in integration


def test_the_layer_can_be_configured(assembly_of: Callable[[str], Assembly]) -> None:
    stream = functions(assembly_of("remote").template("playground"))["lambda_src/shared/run.sh"]

    assert stream["Layers"] == ["arn:aws:lambda:eu-central-1:111122223333:layer:web-adapter:4"]
