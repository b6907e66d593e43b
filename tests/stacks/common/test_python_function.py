from collections.abc import Callable

from lambda_src.chatbot.settings import ChatSettings
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.caller_data import CallerDataSettings
from lambda_src.shared.settings import Settings, read_settings
from tests.stacks.assemblies import Assembly, plain, settings_of

# It has no settings.
READER = "lambda_src.chatbot.reader.handler.handler"


def test_functions_can_read_their_environment(assembly: Assembly) -> None:
    settings_types: dict[str, type[Settings]] = {
        "hr-qa": HrSettings,
        "chatbot": ChatSettings,
        "credit-risk": CreditSettings,
    }
    for template in assembly.apis:
        for function in template.properties("AWS::Lambda::Function"):
            variables = function["Environment"]["Variables"]
            if function["Handler"] == READER:
                continue
            erases = ".caller_data." in function["Handler"]
            settings = read_settings(
                CallerDataSettings if erases else settings_types.get(template.name.split("-", 3)[3], Settings),
                {
                    name: value
                    if isinstance(value, str)
                    else plain(value)
                    if name in ("MODELS", "FALLBACKS")
                    else "deployed"
                    for name, value in variables.items()
                },
            )
            assert settings.use_case == template.name.split("-", 3)[3].replace("-", "_")
            stage = settings_of(template.name.split("-")[2])
            if erases:
                continue
            called = [model.partition("=")[0] for model in settings.models]
            assert called == [model.partition("=")[0] for model in stage.models_for(settings.use_case)]
            chains = [[model.partition("=")[0] for model in chain] for chain in settings.fallbacks]
            expected = stage.fallbacks_for(settings.use_case)
            assert chains == [[model.partition("=")[0] for model in chain] for chain in expected]
            bucket = template.resources("AWS::S3::Bucket") or stage.existing_bucket(settings.use_case)
            assert (settings.bucket_name is not None) == bool(bucket)


def test_the_stages_settings_reach_the_function(assembly_of: Callable[[str], Assembly]) -> None:
    function = assembly_of("browser").template("summarization").only("AWS::Lambda::Function")

    variables = function["Environment"]["Variables"]
    assert function["Architectures"] == ["x86_64"]
    assert variables["PAYLOAD_LOGGING"] == "true"
    assert variables["CORS_ORIGINS"] == "https://one.example,https://two.example"
    assert variables["POWERTOOLS_SERVICE_NAME"] == "summarization"


def test_the_handler_is_in_the_use_cases_folder(assembly_of: Callable[[str], Assembly]) -> None:
    function = assembly_of("prod").template("image-generation").only("AWS::Lambda::Function")

    assert function["Handler"] == "lambda_src.image_generation.handler.handler"
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert function["Environment"]["Variables"]["PAYLOAD_LOGGING"] == "false"
    assert "CORS_ORIGINS" not in function["Environment"]["Variables"]


def test_concurrency_is_reserved_for_the_functions_behind_the_api_only(assembly_of: Callable[[str], Assembly]) -> None:
    reserved = {
        function["Handler"]: function.get("ReservedConcurrentExecutions")
        for function in assembly_of("shared").template("chatbot").properties("AWS::Lambda::Function")
    }
    assert reserved == {
        "lambda_src.chatbot.handler.handler": 20,
        "lambda_src/shared/run.sh": 20,
        "lambda_src.chatbot.memory.handler.handler": None,
        READER: None,
    }


def test_by_default_no_concurrency_is_reserved(assembly_of: Callable[[str], Assembly]) -> None:
    for template in assembly_of("prod").templates:
        for function in template.properties("AWS::Lambda::Function"):
            assert "ReservedConcurrentExecutions" not in function
