"""A use case's options are declared once: a stage sets them, its functions read them back from the environment."""

from typing import Any

import msgspec
import pytest

from lambda_src.chatbot.settings import ChatbotOptions, ChatSettings
from lambda_src.hr_qa.settings import HrQaOptions, HrSettings, Space
from lambda_src.shared.settings import Options, read_settings

SPACES = (Space(name="handbooks", readers=("*",), writers=("hr-team", "é")), Space(name="legal"))


def required_variables(settings_type: type[msgspec.Struct]) -> dict[str, str]:
    return {field.name.upper(): "x" for field in msgspec.structs.fields(settings_type) if field.required}


@pytest.mark.parametrize(
    ("settings_type", "options"),
    [
        (ChatSettings, ChatbotOptions(window_tokens=900, retention_days=3)),
        (HrSettings, HrQaOptions(ocr=True, embedding_rate=0.5, dimensions=256, spaces=SPACES)),
        (HrSettings, HrQaOptions()),
    ],
)
def test_functions_read_back_what_a_stage_sets(settings_type: Any, options: Options) -> None:
    settings = read_settings(settings_type, {**required_variables(settings_type), **options.environment()})

    assert settings.options == options


def test_options_have_their_defaults_when_the_environment_has_none() -> None:
    assert read_settings(HrSettings, required_variables(HrSettings)).options == HrQaOptions()


def test_a_value_out_of_range_is_named() -> None:
    variables = {**required_variables(HrSettings), "MAX_PAGES": "0"}

    with pytest.raises(msgspec.ValidationError, match=r"options\.maxPages"):
        read_settings(HrSettings, variables)
