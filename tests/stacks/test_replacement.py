"""Every setting can be changed on a deployed stage without a failed update and without losing data, or says so."""

import itertools
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
import pytest
from aws_cdk import App

from lambda_src.registry import MODEL_SETTINGS, USE_CASES
from lambda_src.shared.catalog import models, resolve
from stacks.access_stack import AccessStack
from stacks.audit_stack import AuditStack
from stacks.caller_data_stack import CallerDataStack
from stacks.config import StageSettings
from stacks.dashboard_stack import DashboardStack
from stacks.loading import load_stage
from stacks.model_choice import with_choices
from stacks.model_lifecycle_stack import ModelLifecycleStack
from stacks.ui_stack import UiStack
from stacks.usage_stack import UsageStack
from tests.stacks.assemblies import AUDIT_KEY, TODAY, cdk_context
from tests.stacks.replacement import Resources, losses, refusals, replaced_resources

Stage = dict[str, Any]
BASE: Stage = {"account": "111122223333", "region": "us-west-2", "removalPolicy": "destroy"}
IMAGE = "111122223333.dkr.ecr.us-west-2.amazonaws.com/page:"
UI: Stage = {"type": "express", "image": f"{IMAGE}1", "signInDomainPrefix": "example", "url": "https://a.example"}
POOL = "arn:aws:cognito-idp:us-west-2:111122223333:userpool/us-west-2_"
ISSUER = {"url": "https://idp.example.com", "audiences": ["a"]}
_PEOPLE = {"issuers": [{**ISSUER, "audiences": ["a", "b"]}]}
COLLECTION = {"type": "collection", "collectionName": "handbooks", "collectionId": "abc123"}
DOMAIN = {
    "type": "domain",
    "domainArn": "arn:aws:es:us-west-2:111122223333:domain/handbooks",
    "domainEndpoint": "https://search-handbooks-abc.us-west-2.es.amazonaws.com",
}
TOPIC = "arn:aws:sns:us-west-2:111122223333:on-call"
GUARDRAIL = {"type": "existing", "id": "abc123", "version": "1"}
# They decide where the stacks are, or what they are called: another stage, next to the old one.
MOVES = {"name", "account", "region"}

_HR_QA = "AWS::OpenSearchServerless::"
_READ_AGAIN = "docs/how-to/deploy.md: documents do not answer until they were read again"
_USERS = {"AWS::Cognito::UserPool": "docs/reference/settings.md: the pools' users are deleted"}
_SECOND_API = "docs/how-to/use-tokens-and-keys.md: removing it"
# Setting -> the types of resources that a change replaces or deletes, and where the documentation says so.
DOCUMENTED: dict[str, dict[str, str]] = {
    "auth.type": _USERS,
    "auth.userPoolArn": _USERS,
    "ui.signIn": {"AWS::Cognito::UserPool": "docs/how-to/deploy.md: the web UI's own pool is deleted with its users"},
    "auth.issuers": {"AWS::ApiGateway::RestApi": _SECOND_API},
    "auth.apiKeys": {"AWS::DynamoDB::Table": _SECOND_API, "AWS::ApiGateway::RestApi": _SECOND_API},
    "hrQa.search.type": {f"{_HR_QA}Collection": _READ_AGAIN, f"{_HR_QA}Index": _READ_AGAIN},
    **{
        f"existingData.{use_case.setting}.{store}": {kind: "docs/restore.md: no longer in the stack"}
        for use_case in USE_CASES
        for store, kind in (("table", "AWS::DynamoDB::Table"), ("bucket", "AWS::S3::Bucket"))
        if store == "table" or use_case.files
    },
    "hrQa.search.standby": {f"{_HR_QA}Collection": _READ_AGAIN},
}
# Settings whose change CloudFormation refuses.
REFUSED = {"ui.signInDomainPrefix": "docs/how-to/deploy.md: delete the web UI's stack first"}


def search(**settings: Any) -> Stage:
    return {"hrQa": {"search": settings}}


def ui(**settings: Any) -> Stage:
    return {"ui": {**UI, **settings}}


def people(**settings: Any) -> Stage:
    """The web UI of people who call as themselves."""
    sign_in = {
        "issuer": ISSUER["url"],
        "clientId": "a",
        "clientSecretArn": "arn:aws:secretsmanager:us-west-2:111122223333:secret:page-AbCdEf",
        **settings,
    }
    return {"ui": {"type": "express", "image": UI["image"], "url": UI["url"], "signIn": sign_in}, "auth": _PEOPLE}


# Setting -> values to change between, in both directions.
VALUES: dict[str, tuple[Stage, ...]] = {
    "useCases": ({}, {"useCases": ["chatbot", "hrQa"]}),
    "residency": ({}, {"residency": "us"}),
    "costProfiles": ({}, {"costProfiles": True}),
    "guardrail.pictures": ({}, {"guardrail": {"pictures": False}}),
    "auth.type": ({}, {"auth": {"type": "cognito"}}),
    "auth.userPoolArn": (
        {"auth": {"type": "cognito"}},
        {"auth": {"type": "cognito", "userPoolArn": f"{POOL}a"}},
        {"auth": {"type": "cognito", "userPoolArn": f"{POOL}b"}},
    ),
    "auth.issuers": ({}, {"auth": {"issuers": [ISSUER]}}, {"auth": {"issuers": [{**ISSUER, "audiences": ["b"]}]}}),
    "auth.apiKeys": ({"auth": {"issuers": [ISSUER]}}, {"auth": {"apiKeys": True, "issuers": [ISSUER]}}),
    "auth.accounts": ({}, {"auth": {"accounts": ["444455556666"]}}, {"auth": {"accounts": ["777788889999"]}}),
    "auth.admins": ({"auth": {"apiKeys": True}}, {"auth": {"apiKeys": True, "admins": ["KeyAdmins"]}}),
    "auth.auditors": (
        {"auth": {"admins": ["a"]}, "usageReports": True},
        {"auth": {"admins": ["a"], "auditors": ["b"]}, "usageReports": True},
    ),
    "allowEndedModels": ({}, {"allowEndedModels": ["amazon.nova-canvas-v1:0"]}),
    "guardrail.type": ({}, {"guardrail": {"type": "off"}}, {"guardrail": GUARDRAIL}),
    "guardrail.id": ({"guardrail": GUARDRAIL}, {"guardrail": {**GUARDRAIL, "id": "def456"}}),
    "guardrail.version": ({"guardrail": GUARDRAIL}, {"guardrail": {**GUARDRAIL, "version": "2"}}),
    "callerData": ({}, {"callerData": True}),
    "imageGeneration.retentionDays": ({}, {"imageGeneration": {"retentionDays": 30}}),
    "summarization.retentionDays": ({}, {"summarization": {"retentionDays": 30}}),
    "chatbot.documentTokens": ({}, {"chatbot": {"documentTokens": 20_000}}),
    "chatbot.windowTokens": ({}, {"chatbot": {"windowTokens": 4000}}),
    "chatbot.retentionDays": ({}, {"chatbot": {"retentionDays": 30}}),
    "creditRisk.letters": ({}, {"creditRisk": {"letters": True}}),
    "creditRisk.retentionMonths": ({}, {"creditRisk": {"retentionMonths": 60}}),
    "creditRisk.sampleModels": ({}, {"creditRisk": {"sampleModels": False}}),
    "creditRisk.roles": ({}, {"creditRisk": {"roles": [{"role": "validator", "groups": ["risk-committee"]}]}}),
    "hrQa.dimensions": ({}, {"hrQa": {"dimensions": 512}}),
    "hrQa.embeddingRate": ({}, {"hrQa": {"embeddingRate": 10}}),
    "hrQa.concurrency": ({}, {"hrQa": {"concurrency": 4}}),
    "hrQa.maxDocumentMegabytes": ({}, {"hrQa": {"maxDocumentMegabytes": 10}}),
    "hrQa.maxPages": ({}, {"hrQa": {"maxPages": 100}}),
    "hrQa.rewriteQuestions": ({}, {"hrQa": {"rewriteQuestions": True}}),
    "hrQa.questionDays": ({}, {"hrQa": {"questionDays": 0}}),
    "hrQa.ocr": ({}, {"hrQa": {"ocr": True}}),
    "hrQa.search.indexRevision": ({}, search(indexRevision=1)),
    "hrQa.sources": (
        {},
        {"hrQa": {"spaces": [{"name": "a"}], "sources": [{"bucket": "docs", "prefix": "a/", "space": "a"}]}},
        {"hrQa": {"spaces": [{"name": "a"}], "sources": [{"bucket": "docs", "prefix": "b/", "space": "a"}]}},
    ),
    "hrQa.spaces": ({}, {"hrQa": {"spaces": [{"name": "handbooks", "readers": ["*"], "writers": ["hr-team"]}]}}),
    "hrQa.search.type": ({}, search(type="classic"), search(**COLLECTION), search(**DOMAIN)),
    "hrQa.search.standby": (search(type="classic"), search(type="classic", standby=True)),
    "hrQa.search.collectionName": (search(**COLLECTION), search(**{**COLLECTION, "collectionName": "other"})),
    "hrQa.search.collectionId": (search(**COLLECTION), search(**{**COLLECTION, "collectionId": "def456"})),
    "hrQa.search.collectionGeneration": (search(**COLLECTION), search(**COLLECTION, collectionGeneration="nextgen")),
    "hrQa.search.domainArn": (search(**DOMAIN), search(**{**DOMAIN, "domainArn": DOMAIN["domainArn"] + "2"})),
    "hrQa.search.domainEndpoint": (search(**DOMAIN), search(**{**DOMAIN, "domainEndpoint": "https://docs.example"})),
    "ui.type": ({}, ui()),
    "ui.image": (ui(), ui(image=f"{IMAGE}2")),
    "ui.signInDomainPrefix": (ui(), ui(signInDomainPrefix="other")),
    "ui.signIn": ({**ui(), "auth": _PEOPLE}, people(), people(clientId="b"), people(token="access")),
    "ui.url": (ui(url=None), ui(), ui(url="https://b.example")),
    "budgets": (
        {},
        {"budgets": [{"per": "caller", "of": "requests", "every": "day", "limit": 100}]},
        {"budgets": [{"per": "stage", "of": "usd", "every": "month", "limit": 9.5}]},
    ),
    **{
        f"existingData.{use_case.setting}.{store}": ({}, {"existingData": {use_case.setting: {store: "restored"}}})
        for use_case in USE_CASES
        for store in (("table", "bucket") if use_case.files else ("table",))
    },
    "audit": (
        {},
        {"audit": {}},
        {"audit": {"retentionDays": 30, "contents": True, "kmsKey": AUDIT_KEY}},
    ),
    "dashboard": ({}, {"dashboard": True}),
    "usageReports": ({}, {"usageReports": True}),
    "throttling.rate": ({}, {"throttling": {"rate": 100}}),
    "throttling.burst": ({}, {"throttling": {"burst": 200}}),
    "throttling.modelRate": ({}, {"throttling": {"modelRate": 6}}),
    "throttling.modelBurst": ({}, {"throttling": {"modelBurst": 12}}),
    "streaming.adapter": ({}, {"streaming": {"adapter": False}}),
    "streaming.layerArn": (
        {},
        {"streaming": {"layerArn": "arn:aws:lambda:us-west-2:111122223333:layer:web-adapter:4"}},
    ),
    "logRetentionDays": ({}, {"logRetentionDays": 30}),
    "payloadLogging": ({}, {"payloadLogging": True}),
    "removalPolicy": ({}, {"removalPolicy": "retain"}),
    "alarms.email": ({}, {"alarms": {"email": "a@example.com"}}, {"alarms": {"email": "b@example.com"}}),
    "alarms.topicArn": ({}, {"alarms": {"topicArn": TOPIC}}, {"alarms": {"topicArn": f"{TOPIC}-2"}}),
    **{
        f"alarms.thresholds.{name}": ({}, {"alarms": {"thresholds": {name: value}}})
        for name, value in (
            ("serverErrors", 20),
            ("clientErrorShare", 0.25),
            ("slowApiMilliseconds", 10_000),
            ("slowFunctionMilliseconds", 9_000),
            ("functionErrors", 3),
            ("functionThrottles", 4),
            ("oldMessageSeconds", 600),
        )
    },
    "runtime": ({"useCases": ["chatbot"]}, {"useCases": ["chatbot"], "runtime": "python3.14"}),
    "architecture": ({}, {"architecture": "x86_64"}),
    "tags": (ui(), {**ui(), "tags": {"cost-center": "4711"}}, {**ui(), "tags": {"cost-center": "12"}}),
    "corsOrigins": ({}, {"corsOrigins": ["https://a.example"]}, {"corsOrigins": ["https://b.example"]}),
}
POLICIES: dict[str, Any] = {
    "personalData": {"NAME": "mask"},
    "filters": {"VIOLENCE": "high"},
    "deniedTopics": [{"name": "Wages", "definition": "What single employees earn."}],
}


def values_of(path: str) -> tuple[Stage, ...]:
    """The values of a setting; those with a field per use case or model are derived."""
    *parents, name = path.split(".")
    if parents[:1] == ["guardrail"] and name in POLICIES:
        on = turned_on(parents[-1])
        return on, {**on, "guardrail": nested([*parents[1:], name], POLICIES[name])}
    if parents == ["reservedConcurrency"]:
        return {}, {"reservedConcurrency": {name: 10}}
    if parents == ["models"]:
        (setting,) = [each for each in MODEL_SETTINGS if wire_name(each.name) == name]
        chosen = {resolve(each).model.id for each in load({}).models_for(setting.name)}
        others = [model.id for model in models() if model.purpose == setting.purpose and model.id not in chosen]
        on = turned_on(name)
        values = on, {**on, "models": {name: others[:1]}}
        if setting.purpose not in ("text", "image"):
            return values
        return *values, {**on, "models": {name: {"primary": others[0], "then": others[1:3]}}}
    if parents == ["modelRegions"]:
        off = {"guardrail": {"type": "off"}, **turned_on(name)}
        return off, {**off, "modelRegions": {name: "us-east-1"}}
    return VALUES[path]


def turned_on(name: str) -> Stage:
    """The settings that turn on the models of a use case, or of a model setting."""
    for use_case in USE_CASES:
        for setting in use_case.models:
            if setting.option and name in (use_case.setting, wire_name(setting.name)):
                return {use_case.setting: {setting.option: True}}
    return {}


def nested(path: list[str], value: Any) -> Any:
    return {path[0]: nested(path[1:], value)} if path else value


def wire_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def settings_paths(settings_type: type[msgspec.Struct] = StageSettings, prefix: str = "") -> Iterator[str]:
    """The path of every setting in cdk.json."""
    for field in msgspec.structs.fields(settings_type):
        path = prefix + field.encode_name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from settings_paths(field.type, f"{path}.")
        else:
            yield path


PATHS = sorted(set(settings_paths()) - MOVES)


def load(changes: Stage) -> StageSettings:
    stage = {**BASE, **changes}
    if stage.keys() & {"models", "modelRegions"}:
        # Any other model will do, whether or not it is served today and there.
        listed = {"useCases": [use_case.setting for use_case in USE_CASES], **stage}
        return with_choices(msgspec.convert({**listed, "name": "test"}, StageSettings))
    return load_stage({"test": stage}, "test", today=TODAY)


@cache
def templates(key: bytes, only: str | None) -> dict[str, Resources]:
    """The resources of each stack of a stage. Without rule packs and validation, it takes a second."""
    slow = {"@aws-cdk/core:validateAgainstDefaultRules", "@aws-cdk/core:annotationsInValidationReport"}
    context = {name: value for name, value in cdk_context().items() if name not in slow}
    app = App(context={**context, "aws:cdk:bundling-stacks": [], "aws:cdk:enable-path-metadata": False})
    settings = load(msgspec.json.decode(key))
    use_cases = [use_case for use_case in settings.chosen_use_cases if only in (None, use_case.name)]
    apis = [use_case.stack(app, settings=settings, today=TODAY) for use_case in use_cases]
    stacks = [*apis, ModelLifecycleStack(app, settings=settings, today=TODAY)]
    if settings.auth.accepts_tokens:
        stacks.append(AccessStack(app, settings=settings, today=TODAY))
    if settings.records_usage:
        stacks.append(UsageStack(app, settings=settings, today=TODAY))
    if settings.caller_data:
        stacks.append(CallerDataStack(app, settings=settings, today=TODAY))
    if settings.audit:
        stacks.append(AuditStack(app, settings=settings, audit=settings.audit, today=TODAY))
    if settings.dashboard:
        stacks.append(DashboardStack(app, settings=settings, today=TODAY))
    if settings.ui.deployed:
        stacks.append(UiStack(app, settings=settings, today=TODAY, apis=apis))
    assembly = app.synth()
    return {stack.stack_name: assembly.get_stack_by_name(stack.stack_name).template["Resources"] for stack in stacks}


def stage_templates(changes: Stage, only: str | None = None) -> dict[str, Resources]:
    return templates(msgspec.json.encode(changes, order="sorted"), only)


def use_case_of(path: str) -> str | None:
    """The use case that a setting is for: only its stack and the model life cycle's read it. None for all."""
    names = {wire_name(setting.name): use_case.name for use_case in USE_CASES for setting in use_case.models}
    names |= {wire_name(use_case.name): use_case.name for use_case in USE_CASES}
    return next((names[part] for part in path.split(".") if part in names), None)


def test_every_setting_is_changed() -> None:
    missing = [path for path in PATHS if not _has_values(path)]
    assert missing == [], "add values for these settings to VALUES"
    assert VALUES.keys() <= set(PATHS), "these settings do not exist"
    assert DOCUMENTED.keys() | REFUSED.keys() <= set(PATHS)


def _has_values(path: str) -> bool:
    try:
        return len(values_of(path)) > 1
    except KeyError:
        return False


@pytest.mark.parametrize("path", [path for path in PATHS if _has_values(path)])
def test_a_setting_can_be_changed_without_loss(path: str) -> None:
    documented = DOCUMENTED.get(path, {})
    lost: set[str] = set()
    refused: list[str] = []
    for before, after in itertools.permutations(values_of(path), 2):
        for old, new in updates(before, after, use_case_of(path)):
            refused += [f"{before} -> {after}: {reason}" for _, reason in refusals(old, new)]
            for kind, loss in losses(old, new):
                lost.add(kind)
                assert kind in documented, f"{before} -> {after}: {loss}"
    assert bool(refused) == (path in REFUSED), refused
    assert lost == documented.keys(), "the documentation names a loss that does not happen"


def updates(before: Stage, after: Stage, only: str | None) -> Iterator[tuple[Resources, Resources]]:
    """The templates of stacks that both have. A stack that is no longer part of the stage stays as it is."""
    old, new = stage_templates(before, only), stage_templates(after, only)
    for stack in sorted(old.keys() & new.keys()):
        yield old[stack], new[stack]


def resource(kind: str, **properties: Any) -> Mapping[str, Any]:
    return {"Type": kind, "Properties": properties}


def test_losses_are_found() -> None:
    policy, table = "AWS::OpenSearchServerless::AccessPolicy", "AWS::DynamoDB::Table"
    collection, index = "AWS::OpenSearchServerless::Collection", "AWS::OpenSearchServerless::Index"
    endpoint = {"Fn::GetAtt": ["C", "CollectionEndpoint"]}
    named = {"C": resource(collection, Name="a", StandbyReplicas="ENABLED")}

    def found(before: Resources, after: Resources) -> list[str]:
        return [reason for _, reason in (*refusals(before, after), *losses(before, after))]

    standby = {"C": resource(collection, Name="a", StandbyReplicas="DISABLED")}
    assert found(named, standby) == ["C is replaced, but its name [['a']] is taken", "C is replaced"]
    renamed = {"C": resource(collection, Name="b", StandbyReplicas="DISABLED")}
    assert found(named, renamed) == ["C is replaced"]
    assert found({"T": resource(table)}, {}) == ["T is deleted"]
    assert found({"T": {**resource(table), "DeletionPolicy": "Retain"}}, {}) == []
    kept = {"I": {**resource(index, IndexName="i"), "UpdateReplacePolicy": "Retain"}}
    assert found(kept, {"I": resource(index, IndexName="j")}) == []
    moved = found({"P": resource(policy, Name="a", Type="data")}, {"Q": resource(policy, Name="a", Type="data")})
    assert moved == ["Q is created, but P has its name"]
    stored = {"I": resource(index, IndexName="i", CollectionEndpoint=endpoint)}
    assert replaced_resources({**named, **stored}, {**renamed, **stored}) == {"C", "I"}
