"""What is the chatbot's own: who may do what, and what expires."""

from collections.abc import Callable
from typing import Any

from tests.stacks.assemblies import Assembly, Template
from tests.stacks.common.test_api_functions import actions, functions

MEMORY = "lambda_src.chatbot.memory.handler.handler"


def allowed(template: Template, handler: str, service: str) -> set[str]:
    """What the role of a function may do with a service."""
    return actions(template, functions(template)[handler], f"{service}:")


def photos(template: Template) -> dict[str, Any]:
    (bucket,) = [one for one in template.properties("AWS::S3::Bucket") if "LoggingConfiguration" in one]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    return dict(rule)


def test_the_api_s_functions_write_photos_and_only_the_memory_deletes_them(
    assembly_of: Callable[[str], Assembly],
) -> None:
    template = assembly_of("prod").template("chatbot")

    for handler in ("lambda_src.chatbot.handler.handler", "lambda_src/shared/run.sh"):
        assert allowed(template, handler, "s3") == {"s3:PutObject", "s3:GetObject"}
        assert allowed(template, handler, "sqs") == {"sqs:SendMessage"}
    assert allowed(template, MEMORY, "s3") == {"s3:DeleteObject", "s3:ListBucket"}


def test_models_are_called_in_the_ways_that_each_function_has(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("prod").template("chatbot")
    plain, stream = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"

    assert allowed(template, "lambda_src.chatbot.handler.handler", "bedrock") == {plain, "bedrock:ApplyGuardrail"}
    assert allowed(template, "lambda_src/shared/run.sh", "bedrock") == {plain, stream, "bedrock:ApplyGuardrail"}
    assert allowed(template, MEMORY, "bedrock") == {plain, "bedrock:ApplyGuardrail"}


def test_conversations_stay_unless_the_stage_says_for_how_long(assembly_of: Callable[[str], Assembly]) -> None:
    for stage, days in (("prod", None), ("shared", 30)):
        template = assembly_of(stage).template("chatbot")
        variables = functions(template)["lambda_src.chatbot.handler.handler"]["Environment"]["Variables"]
        assert variables["RETENTION_DAYS"] == str(days or 0)
        assert photos(template).get("ExpirationInDays") == days


def test_the_window_is_the_stage_s(assembly_of: Callable[[str], Assembly]) -> None:
    for one in functions(assembly_of("shared").template("chatbot")).values():
        assert one["Environment"]["Variables"]["WINDOW_TOKENS"] == "4000"
