"""The chatbot's permissions and expiry."""

from collections.abc import Callable
from typing import Any

from tests.stacks.assemblies import Assembly, Template
from tests.stacks.common.test_api_functions import actions, functions

READER = "lambda_src.chatbot.reader.handler.handler"
MEMORY = "lambda_src.chatbot.memory.handler.handler"


def allowed(template: Template, handler: str, service: str) -> set[str]:
    """A function's allowed actions of a service."""
    return actions(template, functions(template)[handler], f"{service}:")


def photo_rule(template: Template) -> dict[str, Any]:
    (bucket,) = [bucket for bucket in template.properties("AWS::S3::Bucket") if "LoggingConfiguration" in bucket]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    return dict(rule)


def test_only_the_memory_function_deletes_files(
    assembly_of: Callable[[str], Assembly],
) -> None:
    template = assembly_of("prod").template("chatbot")

    for handler in ("lambda_src.chatbot.handler.handler", "lambda_src/shared/run.sh"):
        assert allowed(template, handler, "s3") == {"s3:PutObject", "s3:GetObject"}
        assert allowed(template, handler, "sqs") == {"sqs:SendMessage"}
    assert allowed(template, MEMORY, "s3") == {"s3:GetObject", "s3:DeleteObject", "s3:ListBucket"}


def test_the_reader_of_documents_may_only_log_and_is_invoked_by_the_apis_functions_only(
    assembly_of: Callable[[str], Assembly],
) -> None:
    template = assembly_of("prod").template("chatbot")
    every = functions(template)

    for handler, function in every.items():
        is_api = handler in ("lambda_src.chatbot.handler.handler", "lambda_src/shared/run.sh")
        assert allowed(template, handler, "lambda") == ({"lambda:InvokeFunction"} if is_api else set())
        assert ("READER_FUNCTION" in function["Environment"]["Variables"]) == is_api
    resources = [each["Resource"] for each in template.statements() if "lambda:InvokeFunction" in each["Action"]]
    assert resources == [[f"${{{every[READER]['id']}.Arn}}"]] * 2
    assert actions(template, every[READER], "") == {
        *("logs:CreateLogStream", "logs:PutLogEvents"),
        *("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
    }
    assert "MODELS" not in every[READER]["Environment"]["Variables"]


def test_each_function_has_only_the_model_permissions_it_needs(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("prod").template("chatbot")
    plain, stream = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"

    assert allowed(template, "lambda_src.chatbot.handler.handler", "bedrock") == {plain, "bedrock:ApplyGuardrail"}
    assert allowed(template, "lambda_src/shared/run.sh", "bedrock") == {plain, stream, "bedrock:ApplyGuardrail"}
    assert allowed(template, MEMORY, "bedrock") == {plain, "bedrock:ApplyGuardrail"}


def test_conversations_expire_only_if_configured(assembly_of: Callable[[str], Assembly]) -> None:
    for stage, days in (("prod", None), ("shared", 30)):
        template = assembly_of(stage).template("chatbot")
        variables = functions(template)["lambda_src.chatbot.handler.handler"]["Environment"]["Variables"]
        assert variables["RETENTION_DAYS"] == str(days or 0)
        assert photo_rule(template).get("ExpirationInDays") == days


def test_the_window_is_configurable(assembly_of: Callable[[str], Assembly]) -> None:
    for function in functions(assembly_of("shared").template("chatbot")).values():
        assert function["Environment"]["Variables"]["WINDOW_TOKENS"] == "4000"
