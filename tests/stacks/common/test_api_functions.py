"""Streams have a function of their own behind the web adapter, and the gateway passes their pieces on."""

from collections.abc import Callable
from typing import Any

from tests.stacks.assemblies import Assembly, Template, plain
from tests.stacks.common.test_use_case_api import methods


def functions(template: Template) -> dict[str, dict[str, Any]]:
    """Handler -> logical id and properties."""
    found = template.resources("AWS::Lambda::Function")
    return {one["Properties"]["Handler"]: {"id": name, **one["Properties"]} for name, one in found.items()}


def uri(template: Template, path: str) -> tuple[str, dict[str, Any]]:
    integration = methods(template)["POST", path]["Integration"]
    return plain(integration["Uri"]), integration


def actions(template: Template, function: dict[str, Any], start: str = "bedrock:Invoke") -> set[str]:
    """Those of the actions that a function's role may do which start so."""
    role = function["Role"]["Fn::GetAtt"][0]
    return {
        action
        for policy in template.properties("AWS::IAM::Policy")
        if policy["Roles"] == [{"Ref": role}]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action.startswith(start)
    }


def test_a_stream_goes_to_its_function_and_leaves_in_pieces(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("prod").template("playground")
    stream = functions(template)["lambda_src/shared/run.sh"]

    address, integration = uri(template, "/completions/stream")

    assert stream["id"] in address
    assert address.endswith("/response-streaming-invocations")
    assert integration["ResponseTransferMode"] == "STREAM"
    assert integration["TimeoutInMillis"] > stream["Timeout"] * 1000


def test_the_other_routes_stay_with_the_plain_function(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("prod").template("playground")

    address, integration = uri(template, "/completions")

    assert functions(template)["lambda_src.playground.handler.handler"]["id"] in address
    assert address.endswith("/invocations")
    assert "ResponseTransferMode" not in integration


def test_the_adapter_is_a_pinned_layer_of_the_machine_s_kind(assembly_of: Callable[[str], Assembly]) -> None:
    arm = functions(assembly_of("prod").template("playground"))["lambda_src/shared/run.sh"]
    intel = functions(assembly_of("browser").template("playground"))["lambda_src/shared/run.sh"]

    public = "arn:${AWS::Partition}:lambda:${AWS::Region}:753240598075:layer:LambdaAdapterLayer"
    assert [plain(one) for one in arm["Layers"]] == [f"{public}Arm64:26"]
    assert [plain(one) for one in intel["Layers"]] == [f"{public}X86:26"]
    assert arm["Environment"]["Variables"].items() >= {
        ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/bootstrap"),
        ("AWS_LWA_INVOKE_MODE", "response_stream"),
    }


def test_each_function_may_do_what_it_does_and_no_more(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("prod").template("playground")

    found = functions(template)

    assert actions(template, found["lambda_src.playground.handler.handler"]) == {"bedrock:InvokeModel"}
    assert actions(template, found["lambda_src/shared/run.sh"]) == {"bedrock:InvokeModelWithResponseStream"}


def test_without_the_adapter_one_function_answers_all(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("local").template("playground")

    (handler,) = functions(template)
    _, integration = uri(template, "/completions/stream")

    assert handler == "lambda_src.playground.handler.handler"
    assert actions(template, functions(template)[handler]) == {
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
    }
    assert "ResponseTransferMode" not in integration


def test_the_layer_may_be_one_s_own(assembly_of: Callable[[str], Assembly]) -> None:
    stream = functions(assembly_of("elsewhere").template("playground"))["lambda_src/shared/run.sh"]

    assert stream["Layers"] == ["arn:aws:lambda:eu-central-1:111122223333:layer:web-adapter:4"]
