"""Stages with fallback models: what is refused, and what functions get."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks.loading import ConfigError, load_stage
from stacks.model_choice import data_flows
from tests.stacks.assemblies import TODAY, Assembly, Template, plain, settings_of

Assemble = Callable[[str], Assembly]
HAIKU, NOVA_2, NOVA, MICRO = (
    "us.anthropic.claude-haiku-5-5",
    "us.amazon.nova-2-lite-v1:0",
    "us.amazon.nova-lite-v1:0",
    "us.amazon.nova-micro-v1:0",
)
EMBEDDING = "amazon.titan-embed-text-v2:0"
PROFILE = "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/abc123"


def load(models: Any, **settings: Any) -> Any:
    stage = {"region": "us-west-2", "models": models, **settings}
    return load_stage({"test": stage}, "test", today=TODAY)


def problems(models: Any, **settings: Any) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(models, **settings)
    return [problem.removeprefix("stages.test.models.") for problem in raised.value.problems]


def test_a_model_with_fallbacks_stands_alone_or_in_a_list() -> None:
    fallback = {"primary": HAIKU, "then": [NOVA, MICRO]}
    alone, listed = load({"chatbot": fallback}), load({"chatbot": [NOVA_2, fallback]})

    assert alone.models_for("chatbot") == (HAIKU,)
    assert listed.models_for("chatbot") == (NOVA_2, HAIKU)
    for settings in (alone, listed):
        assert settings.fallbacks_for("chatbot") == ((HAIKU, NOVA, MICRO),)
        assert {HAIKU, NOVA, MICRO} <= {*settings.all_models}


def test_application_profiles_stand_for_models_with_fallbacks_and_for_fallbacks() -> None:
    profile = {"arn": PROFILE, "model": NOVA}
    settings = load({"chatbot": [{"primary": HAIKU, "then": [profile]}, {"primary": profile, "then": [MICRO]}]})

    assert settings.models_for("chatbot") == (HAIKU, f"{NOVA}={PROFILE}")
    assert settings.fallbacks_for("chatbot") == ((HAIKU, f"{NOVA}={PROFILE}"), (f"{NOVA}={PROFILE}", MICRO))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"primary": HAIKU}, [".then: missing"]),
        ({"then": [NOVA]}, [".primary: missing"]),
        ({"primary": HAIKU, "then": []}, [".then: Expected `array` of length >= 1 ([])"]),
        ({"primary": HAIKU, "then": NOVA}, [f".then: Expected `array`, got `str` ({NOVA!r})"]),
        (
            {"primary": HAIKU, "then": [NOVA, NOVA_2, MICRO, "us.amazon.nova-pro-v1:0"]},
            [".then: Expected `array` of length <= 3"],
        ),
        ({"primary": HAIKU, "next": [NOVA]}, [".next: unknown setting", ".then: missing"]),
        ({"primary": HAIKU, "then": [{"arn": PROFILE}]}, [".then[0].model: missing"]),
        ({"primary": HAIKU, "then": [5, "a b"]}, [".then[0]: Expected ", ".then[1]: Expected "]),
        ({"primary": HAIKU, "then": [HAIKU]}, [f".then[0]: {HAIKU} is listed twice"]),
        ({"primary": HAIKU, "then": [NOVA, NOVA]}, [f".then[1]: {NOVA} is listed twice"]),
        (
            {"primary": "nobody.knows", "then": [EMBEDDING, "us.amazon.nova-9", "eu.amazon.nova-lite-v1:0"]},
            [
                ".primary: nobody.knows is not in the model catalog",
                f".then[0]: {EMBEDDING} is for embedding, not text",
                ".then[1]: us.amazon.nova-9 is not in the model catalog",
                ".then[2]: eu.amazon.nova-lite-v1:0 is not served in us-west-2, but the model is there as",
            ],
        ),
        (
            {"primary": HAIKU, "then": [{"arn": PROFILE.replace("us-west-2", "us-east-1"), "model": NOVA}]},
            [".then[0]: the application inference profile is not in us-west-2, where the model is called"],
        ),
    ],
)
def test_problems_name_the_model(value: Any, expected: list[str]) -> None:
    for models, path in (({"chatbot": value}, "chatbot"), ({"chatbot": [MICRO, value]}, "chatbot[1]")):
        found = problems(models)
        assert len(found) == len(expected)
        for problem, start in zip(found, expected, strict=True):
            assert problem.startswith(f"{path}{start}")


def test_an_ended_fallback_is_refused() -> None:
    (problem,) = problems(
        {
            "imageGeneration": {
                "primary": "stability.stable-image-core-v1:1",
                "then": ["amazon.titan-image-generator-v2:0"],
            }
        }
    )
    assert problem.startswith("imageGeneration.then[0]: amazon.titan-image-generator-v2:0 (")
    assert "ended on 2026-06-30" in problem


def test_a_fallback_outside_the_residency_is_refused() -> None:
    models = {"chatbot": {"primary": HAIKU, "then": ["global.anthropic.claude-haiku-5-5"]}}
    (problem,) = problems(models, residency="us")
    assert problem == (
        "chatbot.then[0]: global.anthropic.claude-haiku-5-5 may be processed in any commercial region, but the "
        "residency is us"
    )
    assert "chatbot: its models may process data in any commercial region" in [*data_flows(load(models))]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("embeddings", "embedding models have no fallbacks, since vectors of different models cannot be compared"),
        ("hrQaEmbeddings", "embedding models have no fallbacks, since vectors of different models cannot be compared"),
        ("hrQaRerank", "rerank models have no fallbacks, since results keep the order of the search when"),
    ],
)
def test_some_purposes_have_no_fallbacks(setting: str, reason: str) -> None:
    models = {
        "embedding": [EMBEDDING, "cohere.embed-multilingual-v3"],
        "rerank": ["cohere.rerank-v3-5:0", "amazon.rerank-v1:0"],
    }["rerank" if "Rerank" in setting else "embedding"]
    (problem,) = problems({setting: {"primary": models[0], "then": models[1:]}})
    assert problem.startswith(f"{setting}.then: {reason}")


def test_more_fallbacks_than_fit_into_a_variable_are_refused() -> None:
    texts = [HAIKU, NOVA_2, NOVA, MICRO]
    models = {"playground": [{"primary": each, "then": [m for m in texts if m != each]} for each in texts]}
    assert load(models).fallbacks_for("playground")
    (problem,) = problems(models, costProfiles=True)
    assert problem.startswith("playground: fallbacks take 21")


def variables(template: Template, handler: str) -> dict[str, Any]:
    (function,) = (
        function
        for function in template.properties("AWS::Lambda::Function")
        if function["Handler"] == f"lambda_src.{handler}.handler.handler"
    )
    values: dict[str, Any] = function["Environment"]["Variables"]
    return values


def granted(template: Template) -> set[str]:
    """The ids of the models and profiles that functions may call."""
    return {
        plain(arn).rpartition("/")[2]
        for statement in template.statements()
        if "bedrock:InvokeModel" in statement["Action"]
        for arn in ([statement["Resource"]] if isinstance(statement["Resource"], str | dict) else statement["Resource"])
    }


def bare(profile: str) -> str:
    return profile.partition(".")[2]


def test_functions_may_call_the_models_and_their_fallbacks_and_no_others(assembly_of: Assemble) -> None:
    assembly = assembly_of("fallbacks")
    summarization = granted(assembly.template("summarization"))
    assert {each for each in summarization if "." in each and "Arn" not in each} == {
        *(HAIKU, NOVA),
        *map(bare, (HAIKU, NOVA)),
    }
    assert {HAIKU, NOVA_2, NOVA} <= granted(assembly.template("chatbot"))
    assert MICRO not in granted(assembly.template("chatbot"))


def test_functions_get_the_fallbacks_with_the_stage_s_cost_profiles(assembly_of: Assemble) -> None:
    chatbot = assembly_of("fallbacks").template("chatbot")
    profiles = {
        properties["Description"].removeprefix("Calls of ")
        for properties in chatbot.properties("AWS::Bedrock::ApplicationInferenceProfile")
    }
    assert profiles == {NOVA_2, NOVA}
    for handler in ("chatbot", "chatbot.memory"):
        (chain,) = json.loads(plain(variables(chatbot, handler)["FALLBACKS"]))
        assert [each.partition("=")[0] for each in chain] == [HAIKU, NOVA_2, NOVA]
        assert chain[0].endswith(PROFILE)
        assert all("=" in each for each in chain)


@pytest.mark.parametrize("stage", ["dev", "prod", "europe"])
def test_a_stage_without_fallbacks_has_nothing_of_them(stage: str, assembly_of: Assemble) -> None:
    for template in assembly_of(stage).templates:
        assert "fallback" not in json.dumps(template.content).lower()


def test_the_life_cycle_of_fallbacks_is_checked(assembly_of: Assemble) -> None:
    lifecycle = assembly_of("fallbacks").template("model-lifecycle")
    assert {HAIKU, NOVA_2, NOVA} <= {each.partition("=")[0] for each in settings_of("fallbacks").all_models}
    models = plain(lifecycle.only("AWS::Lambda::Function")["Environment"]["Variables"]["MODELS"])
    assert NOVA_2 in models
