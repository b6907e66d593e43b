from datetime import date
from typing import Any

import msgspec
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

from stacks.config import StageSettings
from stacks.geography import REGIONS, WITHOUT_APPLICATION_PROFILES, WITHOUT_GUARDRAILS
from stacks.loading import ConfigError, load_stage, with_overrides
from stacks.model_choice import data_flows
from tests.stacks.assemblies import STAGES, cdk_context

TODAY = date(2026, 11, 24)
GOV_LAYER = "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:layer:web-adapter:4"


def problems(settings: object, *, today: date = TODAY) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_stage({"test": settings}, "test", today=today, default_region="us-west-2")
    return caught.value.problems


def load(**settings: Any) -> StageSettings:
    return load_stage({"test": settings}, "test", today=TODAY, default_region="us-west-2")


def test_an_empty_stage_has_safe_defaults() -> None:
    settings = load()

    assert settings.auth.type == "iam"
    assert settings.payload_logging is False
    assert settings.keeps_data
    assert settings.cors_origins == ()
    assert settings.guardrail.type == "new"


@pytest.mark.parametrize("stage", STAGES)
def test_the_stages_of_cdk_json_load(stage: str) -> None:
    assert load_stage(cdk_context()["stages"], stage, today=TODAY).name == stage


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        load().name = "other"  # type: ignore[misc]


def test_all_type_problems_are_reported_at_once_with_their_paths() -> None:
    messages = problems(
        {
            "regoin": "us-west-2",
            "account": 123456789012,
            "auth": {"type": "none"},
            "models": {"embeddings": ["amazon.titan-embed-text-v2:0", 7], "chat": []},
            "throttling": {"rate": 0, "burst": "many"},
            "tags": {"team": 1},
            "corsOrigins": ["*"],
            "guardrail": "off",
        }
    )

    assert [problem.partition(":")[0] for problem in messages] == [
        "stages.test.regoin",
        "stages.test.account",
        "stages.test.auth.type",
        "stages.test.models.chat",
        "stages.test.models.embeddings[1]",
        "stages.test.guardrail",
        "stages.test.throttling.rate",
        "stages.test.throttling.burst",
        "stages.test.tags.team",
        "stages.test.corsOrigins[0]",
    ]
    assert messages[0].endswith("unknown setting, did you mean region?")


def test_all_invalid_combinations_are_reported_at_once() -> None:
    messages = problems(
        {
            "region": "us-west-2",
            "modelRegions": {"chatbot": "us-east-1"},
            "auth": {"userPoolArn": "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_a"},
            "guardrail": {"id": "abc"},
            "logRetentionDays": 10,
            "alarms": {"email": "a@b.example", "topicArn": "arn:aws:sns:us-west-2:111122223333:t"},
            "runtime": "host",
            "throttling": {"modelRate": 100, "modelBurst": 100},
            "tags": {"aws:team": "x"},
            "models": {"imageGeneration": ["amazon.titan-embed-text-v2:0"]},
        }
    )

    assert [problem.partition(":")[0].removeprefix("stages.test.") for problem in messages] == [
        "auth.userPoolArn",
        "auth.userPoolArn",
        "guardrail",
        "modelRegions.chatbot",
        "logRetentionDays",
        "alarms",
        "runtime, architecture",
        "throttling.modelRate",
        "throttling.modelBurst",
        "tags",
        "models.imageGeneration[0]",
    ]


def test_an_existing_guardrail_needs_id_and_version() -> None:
    messages = problems({"guardrail": {"type": "existing"}})

    assert [problem.partition(":")[0] for problem in messages] == [
        "stages.test.guardrail.id",
        "stages.test.guardrail.version",
    ]


def test_unknown_names_in_policies_are_reported_with_the_allowed_ones() -> None:
    messages = problems(
        {
            "guardrail": {
                "policies": {"personalData": {"EMAILS": "mask", "NAME": "hide"}, "filters": {"VIOLENCE": "extreme"}},
                "useCases": {"hrQa": {"filters": {"VIOLENT": "low"}}, "embedding": {}},
            }
        }
    )

    path = "stages.test.guardrail"
    assert messages[0].startswith(f"{path}.policies.personalData.EMAILS: 'EMAILS' is not one of ADDRESS, AGE, AWS_")
    assert messages[0].endswith(", did you mean EMAIL?")
    assert messages[1] == f"{path}.policies.personalData.NAME: 'hide' is not one of mask, block, allow"
    assert messages[2] == f"{path}.policies.filters.VIOLENCE: 'extreme' is not one of none, low, medium, high"
    assert messages[3].startswith(f"{path}.useCases.embedding: unknown setting")
    assert messages[4].startswith(f"{path}.useCases.hrQa.filters.VIOLENT: 'VIOLENT' is not one of HATE, INSULTS, ")


def topics(count: int, examples: int = 0) -> list[dict[str, Any]]:
    phrases = ["What does Ana earn?"] * examples
    return [{"name": f"Topic {each}", "definition": "Wages", "examples": phrases} for each in range(count)]


def test_topics_have_aws_s_limits() -> None:
    assert problems({"guardrail": {"policies": {"deniedTopics": topics(1, examples=6)}}}) == (
        "stages.test.guardrail.policies.deniedTopics: 'Topic 0' has 6 examples; at most 5",
    )
    both = {"policies": {"deniedTopics": topics(20)}, "useCases": {"chatbot": {"deniedTopics": topics(11)}}}
    messages = problems({"guardrail": both})
    assert messages[0] == (
        "stages.test.guardrail.useCases.chatbot.deniedTopics: 31 topics, but a guardrail has at most 30"
    )
    assert messages[1].endswith("deniedTopics: 'Topic 0' is listed twice")


def test_policies_are_for_new_guardrails_only() -> None:
    policies = {"filters": {"VIOLENCE": "low"}}
    assert problems({"guardrail": {"type": "off", "policies": policies, "useCases": {"chatbot": policies}}}) == (
        "stages.test.guardrail.policies: only with `type` new, not off",
        "stages.test.guardrail.useCases: only with `type` new, not off",
    )


def test_reserved_concurrency_is_for_known_use_cases() -> None:
    assert load(reservedConcurrency={"hrQa": 5}).reserved_concurrency_of("hr_qa") == 5
    assert load().reserved_concurrency_of("hr_qa") is None
    messages = problems({"reservedConcurrency": {"hrQaX": 5, "chatbot": 0}})
    assert messages[0] == "stages.test.reservedConcurrency.hrQaX: unknown setting, did you mean hrQa?"
    assert messages[1].startswith("stages.test.reservedConcurrency.chatbot: ")


@pytest.mark.parametrize("name", [None, "prod2", 7])
def test_the_error_for_an_unknown_stage_lists_the_known_ones(name: object) -> None:
    with pytest.raises(ConfigError, match="one of dev, prod"):
        load_stage({"dev": {}, "prod": {}}, name, today=TODAY)


def test_a_stages_name_is_its_key() -> None:
    assert problems({"name": "other"}) == ("stages.test.name: unknown setting",)


@pytest.mark.parametrize("stages", [None, {}, []])
def test_no_stages_at_all(stages: object) -> None:
    with pytest.raises(ConfigError, match=r"cdk\.json has none"):
        load_stage(stages, "dev", today=TODAY)


def test_every_setting_has_a_default() -> None:
    required = [field.name for field in msgspec.structs.fields(StageSettings) if field.required]
    assert required == ["name"]


@pytest.mark.parametrize(
    ("hr_qa", "problem"),
    [
        ({"search": {"type": "collection"}}, "hrQa.search.collectionName: required with an existing collection"),
        ({"search": {"collectionId": "abc123"}}, "hrQa.search.collectionId: only with `type` collection"),
        ({"search": {"type": "domain"}}, "hrQa.search.domainArn: required with an existing domain"),
        ({"search": {"standby": True}}, "hrQa.search.standby: only with `type` classic"),
        (
            {"search": {"collectionGeneration": "nextgen"}},
            "hrQa.search.collectionGeneration: only with `type` collection",
        ),
        ({"concurrency": 1}, "hrQa.concurrency: "),
        ({"spaces": [{"name": "own"}]}, "hrQa.spaces[0].name: `own` stands for each caller's own documents"),
        ({"spaces": [{"name": "a"}, {"name": "a"}]}, "hrQa.spaces[1].name: 'a' is listed twice"),
        ({"spaces": [{"name": "a" * 32}]}, "hrQa.spaces[0].name: "),
        ({"spaces": [{"name": "a", "readers": ["one,two"]}]}, "hrQa.spaces[0].readers[0]: "),
        ({"spaces": [{"name": "a", "reader": ["b"]}]}, "hrQa.spaces[0].reader: unknown setting, did you mean readers?"),
        (
            {"spaces": [{"name": "a", "readers": [f"{number:0100}" for number in range(30)]}]},
            "hrQa.spaces, hrQa.sources: 3",
        ),
        (
            {"sharedDocuments": True},
            'hrQa.sharedDocuments: replaced by spaces. To keep documents that are shared, set `"s',
        ),
        ({"sources": [{"bucket": "docs", "space": "a"}]}, "hrQa.sources[0].space: 'a' is not one of hrQa.spaces"),
        (
            {
                "spaces": [{"name": "a"}],
                "sources": [
                    {"bucket": "docs", "prefix": "hr/leave/", "space": "a"},
                    {"bucket": "docs", "prefix": "hr/", "space": "a"},
                ],
            },
            "hrQa.sources[1].prefix: has objects of s3://docs/hr/leave/, which is a source, too",
        ),
        ({"sources": [{"bucket": "docs", "prefix": "a*", "space": "a"}]}, "hrQa.sources[0].prefix: "),
        ({"sources": [{"bucket": "arn:aws:s3:::docs", "space": "a"}]}, "hrQa.sources[0].bucket: "),
        ({"sources": [{"bucket": "docs", "space": "a", "kmsKey": "alias/a"}]}, "hrQa.sources[0].kmsKey: "),
        ({"maxDocumentMegabytes": 101}, "hrQa.maxDocumentMegabytes: "),
    ],
)
def test_invalid_document_search_settings(hr_qa: dict[str, Any], problem: str) -> None:
    assert any(message.startswith(f"stages.test.{problem}") for message in problems({"hrQa": hr_qa}))


def test_the_embedding_model_must_support_the_dimensions() -> None:
    models = {"hrQaEmbeddings": ["cohere.embed-multilingual-v3"]}
    assert "stages.test.hrQa.dimensions: cohere.embed-multilingual-v3 gives 1024" in problems(
        {"models": models, "hrQa": {"dimensions": 512}}
    )
    load(models=models)
    # Former models only answer over what they embedded.
    load(
        models={"hrQaEmbeddings": ["amazon.titan-embed-text-v2:0", *models["hrQaEmbeddings"]]}, hrQa={"dimensions": 512}
    )


@pytest.mark.parametrize(
    ("models", "problem"),
    [
        ({"hrQaEmbeddings": []}, "models.hrQaEmbeddings: at least one model"),
        (
            {"hrQaRerank": ["cohere.rerank-v3-5:0", "amazon.rerank-v1:0"]},
            "models.hrQaRerank: one model only",
        ),
        ({"hrQaRerank": ["amazon.titan-embed-text-v2:0"]}, "models.hrQaRerank[0]: amazon.titan-embed-text-v2:0 is for"),
    ],
)
def test_an_embedding_model_and_at_most_one_rerank_model(models: dict[str, Any], problem: str) -> None:
    assert any(message.startswith(f"stages.test.{problem}") for message in problems({"models": models}))


EXPRESS = {
    "type": "express",
    "image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/page:1",
    "signInDomainPrefix": "example",
}


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"ui": {"type": "express"}}, ["ui.image", "ui.signInDomainPrefix"]),
        ({"ui": {**EXPRESS, "type": "off"}}, ["ui.image", "ui.signInDomainPrefix"]),
        ({"ui": {"url": "https://a.example"}}, ["ui.url"]),
        ({"ui": {**EXPRESS, "url": "https://a.example/"}}, ["ui.url"]),
        ({"ui": {**EXPRESS, "url": "http://a.example"}}, ["ui.url"]),
        ({"ui": {**EXPRESS, "image": "page:1"}}, ["ui.image"]),
        ({"ui": {**EXPRESS, "image": EXPRESS["image"].removesuffix(":1")}}, ["ui.image"]),
        ({"ui": {**EXPRESS, "signInDomainPrefix": "my-aws-page"}}, ["ui.signInDomainPrefix"]),
        ({"ui": {**EXPRESS, "signInDomainPrefix": "Page"}}, ["ui.signInDomainPrefix"]),
        ({"ui": EXPRESS, "auth": {"type": "cognito"}}, ["ui.type"]),
    ],
)
def test_invalid_web_ui_settings(settings: dict[str, Any], fields: list[str]) -> None:
    assert [message.partition(":")[0].removeprefix("stages.test.") for message in problems(settings)] == fields


SIGN_IN = {
    "issuer": "https://idp.example.com",
    "clientId": "page",
    "clientSecretArn": "arn:aws:secretsmanager:us-west-2:111122223333:secret:page-AbCdEf",
}
POOL_ARN = "arn:aws:cognito-idp:us-west-2:111122223333:userpool/us-west-2_abc"
POOL_ISSUER = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_abc"


def _with_sign_in(auth: dict[str, Any], **changes: Any) -> dict[str, Any]:
    ui = {"type": "express", "image": EXPRESS["image"], "signIn": {**SIGN_IN, **changes}}
    return {"ui": ui, "auth": auth}


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        (_with_sign_in({"issuers": [{"url": SIGN_IN["issuer"], "audiences": ["api"]}]}), ["ui.signIn.clientId"]),
        (_with_sign_in({"issuers": [{"url": "https://b.example.com", "audiences": ["page"]}]}), ["ui.signIn.issuer"]),
        (_with_sign_in({"apiKeys": True}), ["ui.signIn.issuer"]),
        (_with_sign_in({"type": "cognito", "userPoolArn": POOL_ARN}), ["ui.signIn.issuer"]),
        (_with_sign_in({"type": "cognito"}, issuer=POOL_ISSUER), ["ui.signIn.issuer"]),
        (
            _with_sign_in({"type": "cognito", "userPoolArn": POOL_ARN}, issuer=POOL_ISSUER, token="access"),
            ["ui.signIn.token"],
        ),
        (_with_sign_in({}, clientSecretArn="secret"), ["ui.signIn.clientSecretArn"]),
        (
            {
                "ui": {**EXPRESS, "signIn": SIGN_IN},
                "auth": {"issuers": [{"url": SIGN_IN["issuer"], "audiences": ["page"]}]},
            },
            ["ui.signInDomainPrefix"],
        ),
        ({"ui": {"signIn": SIGN_IN}}, ["ui.signIn"]),
    ],
)
def test_the_apis_would_not_accept_those_who_sign_in(settings: dict[str, Any], fields: list[str]) -> None:
    assert [message.partition(":")[0].removeprefix("stages.test.") for message in problems(settings)] == fields


@pytest.mark.parametrize(
    "settings",
    [
        _with_sign_in({"issuers": [{"url": SIGN_IN["issuer"], "audiences": ["page"]}]}),
        _with_sign_in({"issuers": [{"url": SIGN_IN["issuer"], "audiences": ["api"]}]}, token="access"),
        _with_sign_in({"type": "cognito", "userPoolArn": POOL_ARN}, issuer=POOL_ISSUER),
    ],
)
def test_people_sign_in_where_the_apis_accept_their_tokens(settings: dict[str, Any]) -> None:
    assert load(**settings).ui.sign_in is not None


ISSUER: dict[str, Any] = {"url": "https://idp.example.com", "audiences": ["bedrock"]}
MANY_ISSUERS = [{"url": f"{ISSUER['url']}/{number}", "audiences": ["a" * 200]} for number in range(12)]


@pytest.mark.parametrize(
    ("auth", "fields"),
    [
        ({"issuers": [ISSUER, ISSUER]}, ["auth.issuers[1].url"]),
        ({"issuers": [{**ISSUER, "url": "http://idp.example.com"}]}, ["auth.issuers[0].url"]),
        ({"issuers": [{**ISSUER, "url": "https://idp.example.com?a=b"}]}, ["auth.issuers[0].url"]),
        ({"issuers": [{**ISSUER, "audiences": []}]}, ["auth.issuers[0].audiences"]),
        ({"issuers": [{**ISSUER, "algorithms": ["HS256"]}]}, ["auth.issuers[0].algorithms[0]"]),
        ({"issuers": [{**ISSUER, "algorithms": ["none"]}]}, ["auth.issuers[0].algorithms[0]"]),
        ({"issuers": [{"url": ISSUER["url"]}]}, ["auth.issuers[0].audiences"]),
        ({"admins": ["KeyAdmins"]}, ["auth.admins"]),
        ({"accounts": ["1234"]}, ["auth.accounts[0]"]),
        ({"accounts": ["111122223333"], "type": "cognito"}, ["auth.accounts"]),
        ({"apiKeys": True, "type": "cognito"}, ["auth.admins"]),
        ({"apiKeys": True, "admins": ["*"]}, ["auth.admins[0]"]),
        (
            {"issuers": [{**ISSUER, "url": f"{ISSUER['url']}/{n}", "audiences": ["a" * 200]} for n in range(12)]},
            ["auth.issuers"],
        ),
    ],
)
def test_invalid_ways_to_call(auth: dict[str, Any], fields: list[str]) -> None:
    messages = problems({"region": "us-west-2", "auth": auth})
    assert [message.partition(": ")[0].removeprefix("stages.test.") for message in messages] == fields


def test_settings_on_the_command_line_take_the_place_of_those_in_the_file() -> None:
    stages = {"test": {"region": "us-west-2", "logRetentionDays": 30, "auth": {"type": "cognito"}}}
    changed = with_overrides(stages, "test", '{"logRetentionDays": 7, "auth": {"apiKeys": true}}')

    settings = load_stage(changed, "test", today=TODAY)

    assert (settings.log_retention_days, settings.auth.api_keys, settings.auth.type) == (7, True, "iam")
    assert stages["test"]["logRetentionDays"] == 30
    assert with_overrides(stages, "test", None) is stages


@pytest.mark.parametrize("text", ["", "{", "[]", '"a"', "7"])
def test_settings_on_the_command_line_must_be_an_object(text: str) -> None:
    with pytest.raises(ConfigError, match="settings: "):
        with_overrides({"test": {}}, "test", text)


def test_the_web_ui_is_off_by_default() -> None:
    assert not load().ui.deployed
    assert load(ui=EXPRESS).ui.deployed


def test_a_stages_name_must_fit_into_the_guardrails_name() -> None:
    stage = {"region": "us-west-2"}
    assert load_stage({"a" * 15: stage}, "a" * 15, today=TODAY).name == "a" * 15
    with pytest.raises(ConfigError, match="the stage's name is 1 characters too long"):
        load_stage({"a" * 16: stage}, "a" * 16, today=TODAY)


@pytest.mark.parametrize(
    ("streaming", "problem"), [({}, True), ({"adapter": False}, False), ({"layerArn": GOV_LAYER}, False)]
)
def test_regions_without_the_public_adapter_need_another_copy(streaming: dict[str, Any], problem: bool) -> None:
    found = problems({"region": "us-gov-west-1", "streaming": streaming, "useCases": ["chatbot"]})

    assert any(each.startswith("stages.test.streaming.layerArn: AWS's public layer") for each in found) == problem


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"guardrail": {"type": "off", "pictures": True}}, "only with a guardrail"),
        ({"region": "eu-west-1", "guardrail": {"pictures": True}}, "AWS offers it in ap-northeast-1, "),
    ],
)
def test_pictures_are_screened_in_few_regions(settings: dict[str, Any], problem: str) -> None:
    assert problems(settings)[0].startswith(f"stages.test.guardrail.pictures: {problem}")


def test_a_plain_stage_has_no_guardrail_where_aws_offers_none() -> None:
    settings = load_stage({"test": {"region": "mx-central-1"}}, "test", today=TODAY)

    assert settings.guardrail.type == "off"
    assert "no guardrail screens any text: AWS offers none in mx-central-1" in data_flows(settings)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"region": "mx-central-1", "guardrail": {"policies": {"personalData": {"NAME": "mask"}}}}, "guardrail: "),
        ({"region": "mx-central-1", "guardrail": {"type": "new"}}, "guardrail: "),
        ({"region": "eu-north-1", "costProfiles": True}, "costProfiles: "),
    ],
)
def test_what_aws_does_not_offer_in_a_region_is_a_problem(settings: dict[str, Any], problem: str) -> None:
    assert problems(settings)[0].startswith(f"stages.test.{problem}CloudFormation has no")


@pytest.mark.parametrize(
    ("resource_type", "without"),
    [
        ("AWS::Bedrock::Guardrail", WITHOUT_GUARDRAILS),
        ("AWS::Bedrock::ApplicationInferenceProfile", WITHOUT_APPLICATION_PROFILES),
    ],
)
def test_the_lists_are_those_of_cloudformation_s_schemas(resource_type: str, without: frozenset[str]) -> None:
    def is_missing(region: str) -> bool:
        try:
            PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, resource_type)
        except ResourceNotFoundError:
            return True
        return False

    assert {region for region in REGIONS if is_missing(region)} == without


def test_python_3_14_is_not_for_hr_qa() -> None:
    (problem,) = problems({"runtime": "python3.14"})
    assert problem.startswith("stages.test.runtime: HR Q&A")
    assert load(runtime="python3.14", useCases=["chatbot"]).runtime == "python3.14"
