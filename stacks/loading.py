"""Reads a stage's settings from `cdk.json` (`-c stage=dev`) and checks them: all problems are reported at once."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from lambda_src.hr_qa.settings import OWN
from lambda_src.registry import USE_CASES
from stacks.config import (
    PICTURE_FILTER_REGIONS,
    GuardrailPolicies,
    GuardrailSettings,
    HrQaSettings,
    SearchSettings,
    SignIn,
    StageSettings,
    UiSettings,
    UseCasePolicies,
)
from stacks.geography import WITHOUT_APPLICATION_PROFILES, WITHOUT_GUARDRAILS
from stacks.model_checks import model_problems
from stacks.model_choice import with_choices
from stacks.validation import type_problems

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)

# Limits of a guardrail: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailTopicConfig.html
MAX_TOPICS, MAX_EXAMPLES = 30, 5

# Of the 4 KB that all variables of a function may have, with their names:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
MAX_HR_QA_VARIABLES = 2_000

MAX_ACCESS_VARIABLES = 3_000

# Each of a request's budgets is two writes, one after another, and some 70 of those bytes.
MAX_BUDGETS = 8

# A guardrail has its stack's name: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html
MAX_GUARDRAIL_NAME = 50

# https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
MAX_FUNCTION_NAME = 64


class ConfigError(Exception):
    """The settings cannot be deployed. `problems` has one line per problem, starting with the path of the setting."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("The configuration has problems:\n" + "\n".join(f"  - {problem}" for problem in self.problems))


def with_overrides(stages: Any, name: object, overrides: object) -> Any:
    """The stages with other settings for one of them: a JSON object, whose values replace those of the same name.

    Raises `ConfigError`. What else is wrong is for `load_stage` to find.
    """
    if overrides is None:
        return stages
    try:
        values = msgspec.json.decode(str(overrides))
    except msgspec.DecodeError as error:
        raise ConfigError([f"settings: not JSON ({error})"]) from error
    if not isinstance(values, dict):
        raise ConfigError(["settings: must be a JSON object"])
    if not isinstance(stages, Mapping) or not isinstance(stages.get(name), Mapping):
        return stages
    return {**stages, name: {**stages[name], **values}}


def load_stage(stages: object, name: object, *, today: date, default_region: str | None = None) -> StageSettings:
    """The settings of one stage, with chosen use cases and models. Raises `ConfigError` with all their problems.

    `default_region` is that of a stage without one.
    """
    if not isinstance(stages, Mapping) or not stages:
        raise ConfigError(["stages: cdk.json has none in its context"])
    if not isinstance(name, str) or name not in stages:
        raise ConfigError(
            [f"stage: select one with `-c stage=NAME`; {name!r} is not one of {', '.join(sorted(stages))}"]
        )
    value: Any = stages[name]
    path = f"stages.{name}"
    # The name is the key of the stage; it cannot be set.
    problems = [f"{path}.name: unknown setting"] if isinstance(value, Mapping) and "name" in value else []
    named = {**value, "name": name} if isinstance(value, Mapping) else value
    problems += _replaced_settings(named, path)
    problems += type_problems(named, StageSettings, path)
    if problems:
        raise ConfigError(problems)
    settings = msgspec.convert(named, StageSettings, strict=True)
    if settings.region is None:
        settings = msgspec.structs.replace(settings, region=default_region)
    if settings.region in WITHOUT_GUARDRAILS and "guardrail" not in named:
        # A stage that says nothing about its guardrail has none where AWS offers none. Synthesis reports it.
        settings = msgspec.structs.replace(settings, guardrail=GuardrailSettings(type="off"))
    settings = with_choices(settings)
    problems = [f"{path}: {problem}" for problem in _name_problems(settings)]
    problems += [
        f"{path}.{problem}" for problem in (*_combination_problems(settings), *model_problems(settings, today))
    ]
    if problems:
        raise ConfigError(problems)
    return settings


def _replaced_settings(stage: Any, path: str) -> Iterable[str]:
    """Settings of earlier versions, with what takes their place."""
    hr_qa = stage.get("hrQa") if isinstance(stage, Mapping) else None
    if isinstance(hr_qa, Mapping) and "sharedDocuments" in hr_qa:
        yield (
            f"{path}.hrQa.sharedDocuments: replaced by spaces. To keep documents that are shared, set "
            '`"spaces": [{"name": "shared", "readers": ["*"], "writers": ["*"]}]`; otherwise, remove the setting'
        )


def _combination_problems(settings: StageSettings) -> Iterable[str]:
    yield from _auth_problems(settings)
    yield from _guardrail_problems(settings)
    yield from _search_problems(settings.hr_qa.search)
    yield from _space_problems(settings.hr_qa)
    if settings.cost_profiles and settings.region in WITHOUT_APPLICATION_PROFILES:
        yield f"costProfiles: CloudFormation has no application inference profiles in {settings.region}"
    yield from _ui_problems(settings)
    if settings.streaming.layer_arn and not settings.streaming.adapter:
        yield "streaming.layerArn: only with `adapter`"
    if (
        settings.streaming.adapter
        and not settings.streaming.layer_arn
        and (settings.region or "").startswith(("cn-", "us-gov-"))
    ):
        yield "streaming.layerArn: AWS's public layer is not in this region; give another copy, or turn `adapter` off"
    yield from _retention_problems("logRetentionDays", settings.log_retention_days)
    if settings.audit:
        yield from _retention_problems("audit.retentionDays", settings.audit.retention_days)
        if settings.audit.kms_key and settings.region not in (None, settings.audit.kms_key.split(":")[3]):
            yield f"audit.kmsKey: the key is not in {settings.region}, where the log group is"
    if settings.alarms.email and settings.alarms.topic_arn:
        yield "alarms: give either `email` or `topicArn`, not both"
    if (settings.runtime == "host") != (settings.architecture == "host"):
        yield "runtime, architecture: `host` goes with `host` only"
    if settings.runtime == "python3.14" and any(use_case.name == "hr_qa" for use_case in settings.chosen_use_cases):
        # https://pypi.org/project/fasttext-predict/0.9.2.4/#files
        yield "runtime: HR Q&A detects languages with fasttext-predict, which has no wheels for Python 3.14"
    if settings.throttling.model_rate > settings.throttling.rate:
        yield "throttling.modelRate: above `rate`, the limit for all routes together"
    if settings.throttling.model_burst > settings.throttling.burst:
        yield "throttling.modelBurst: above `burst`, the limit for all routes together"
    yield from _budget_problems(settings)
    for use_case in USE_CASES:
        existing = settings.existing_table(use_case.name) or settings.existing_bucket(use_case.name)
        if existing and use_case not in settings.chosen_use_cases:
            yield f"existingData.{use_case.setting}: the stage does not have the use case"
    if any(key.lower().startswith("aws:") for key in settings.tags):
        yield "tags: keys that start with `aws:` are reserved"


def _retention_problems(path: str, days: int) -> Iterable[str]:
    if days not in RETENTION_DAYS:
        yield f"{path}: CloudWatch Logs cannot keep {days} days; one of {', '.join(map(str, RETENTION_DAYS))}"


def _name_problems(settings: StageSettings) -> Iterable[str]:
    longest = max(
        (settings.stack_name(use_case.name) for use_case in USE_CASES if use_case.models), key=len, default=""
    )
    excess = len(longest) - MAX_GUARDRAIL_NAME
    if excess > 0:
        yield (
            f"the stage's name is {excess} characters too long: the guardrail {longest} would have {len(longest)}, and "
            f"Bedrock allows {MAX_GUARDRAIL_NAME}"
        )
    yield from _function_name_problems(settings)


def _function_name_problems(settings: StageSettings) -> Iterable[str]:
    """The functions that erase and export have names that the worker knows."""
    if not settings.caller_data:
        return
    longest = max((settings.caller_data_function(each.name) for each in settings.chosen_use_cases), key=len)
    if excess := max(0, len(longest) - MAX_FUNCTION_NAME):
        yield (
            f"the stage's name is {excess} characters too long: the function {longest} would have {len(longest)}, and "
            f"Lambda allows {MAX_FUNCTION_NAME}"
        )


def _auth_problems(settings: StageSettings) -> Iterable[str]:
    auth = settings.auth
    urls = [issuer.url for issuer in auth.issuers]
    for number, url in enumerate(urls):
        if url in urls[:number]:
            yield f"auth.issuers[{number}].url: {url!r} is listed twice"
    if auth.accounts and auth.type != "iam":
        yield "auth.accounts: only with `type` iam"
    if auth.admins and not (auth.api_keys or settings.records_usage or settings.caller_data):
        yield "auth.admins: only with `apiKeys`, `budgets`, `usageReports` or `callerData`, which they manage"
    if auth.api_keys and auth.type == "cognito" and not auth.admins:
        yield "auth.admins: required with `apiKeys` and cognito: otherwise every user of the pool could manage keys"
    variables = len("".join(settings.access.environment().values()).encode())
    if variables > MAX_ACCESS_VARIABLES:
        yield (
            f"auth.issuers: with the groups that settings name, {variables} bytes as variables of a function, which "
            f"has room for {MAX_ACCESS_VARIABLES}: use fewer issuers, or fewer and shorter groups"
        )
    pool = auth.user_pool_arn
    if pool is None:
        return
    if auth.type == "iam":
        yield "auth.userPoolArn: only with `type` cognito"
    if settings.region and pool.split(":")[3] != settings.region:
        yield f"auth.userPoolArn: the pool is not in {settings.region}, where the API is"


def _budget_problems(settings: StageSettings) -> Iterable[str]:
    budgets = settings.budgets
    for name in ("budgets", "usageReports"):
        if (budgets if name == "budgets" else settings.usage_reports) and not settings.all_models:
            yield f"{name}: no use case of the stage calls a model"
    if settings.records_usage and settings.auth.type == "cognito" and not settings.auth.admins:
        yield "auth.admins: missing; without it each user of the pool could change budgets and see everyone's use"
    if settings.auth.auditors and not settings.auth.admins:
        yield "auth.auditors: only with `auth.admins`: without it nobody is kept out"
    if len(budgets) > MAX_BUDGETS:
        yield f"budgets: {len(budgets)}, but at most {MAX_BUDGETS}: each adds two writes to a request"
    limited = [(budget.per, budget.of, budget.every) for budget in budgets]
    for number, budget in enumerate(budgets):
        path = f"budgets[{number}]"
        if limited[number] in limited[:number]:
            yield f"{path}: {budget.of} per {budget.per} and {budget.every} are limited twice"
        if budget.of != "usd" and not budget.limit.is_integer():
            yield f"{path}.limit: {budget.limit:g} {budget.of}, which must be a whole number"
        if budget.per == "team" and not settings.auth.api_keys:
            yield f"{path}.per: only API keys have teams (`auth.apiKeys`)"


def _search_problems(search: SearchSettings) -> Iterable[str]:
    required = {"collection": ("collection_name", "collection_id"), "domain": ("domain_arn", "domain_endpoint")}
    for search_type, names in required.items():
        for name in names:
            wire = _wire_name(SearchSettings, name)
            if search.type == search_type and getattr(search, name) is None:
                yield f"hrQa.search.{wire}: required with an existing {search_type}"
            elif search.type != search_type and getattr(search, name) is not None:
                yield f"hrQa.search.{wire}: only with `type` {search_type}"
    if search.collection_generation != "classic" and search.type != "collection":
        yield "hrQa.search.collectionGeneration: only with `type` collection"
    if search.standby and search.type != "classic":
        yield "hrQa.search.standby: only with `type` classic; nextgen always has one"


def _space_problems(hr_qa: HrQaSettings) -> Iterable[str]:
    names = [space.name for space in hr_qa.spaces]
    for number, name in enumerate(names):
        path = f"hrQa.spaces[{number}].name"
        if name == OWN:
            yield f"{path}: `{OWN}` stands for each caller's own documents"
        elif name in names[:number]:
            yield f"{path}: {name!r} is listed twice"
    yield from _source_problems(hr_qa, names)
    variables = len("".join(hr_qa.environment().values()).encode())
    if variables > MAX_HR_QA_VARIABLES:
        yield (
            f"hrQa.spaces, hrQa.sources: {variables} bytes as variables of functions, which have room for "
            f"{MAX_HR_QA_VARIABLES}: use fewer spaces and sources, or fewer and shorter groups"
        )


def _source_problems(hr_qa: HrQaSettings, spaces: list[str]) -> Iterable[str]:
    for number, source in enumerate(hr_qa.sources):
        path = f"hrQa.sources[{number}]"
        if source.space not in spaces:
            yield f"{path}.space: {source.space!r} is not one of hrQa.spaces"
        for other in hr_qa.sources[:number]:
            if other.covers(source.bucket, source.prefix) or source.covers(other.bucket, other.prefix):
                yield f"{path}.prefix: has objects of s3://{other.bucket}/{other.prefix}, which is a source, too"


def _ui_problems(settings: StageSettings) -> Iterable[str]:
    ui = settings.ui
    if not ui.deployed:
        for field in msgspec.structs.fields(UiSettings):
            if field.name != "type" and getattr(ui, field.name) is not None:
                yield f"ui.{field.encode_name}: only with `type` express"
        return
    if ui.image is None:
        yield "ui.image: required with express; docs/how-to/run-the-web-ui.md explains how to build it"
    if ui.sign_in is not None:
        yield from _sign_in_problems(settings, ui.sign_in)
        return
    if ui.sign_in_domain_prefix is None:
        yield "ui.signInDomainPrefix: required with express, unless people sign in at `ui.signIn`"
    elif any(word in ui.sign_in_domain_prefix for word in ("aws", "amazon", "cognito")):
        yield "ui.signInDomainPrefix: Cognito rejects prefixes that contain `aws`, `amazon` or `cognito`"
    if settings.auth.type != "iam":
        yield "ui.type: express calls the APIs with an IAM role, so `auth` must be iam, or people call with `ui.signIn`"


def _sign_in_problems(settings: StageSettings, sign_in: SignIn) -> Iterable[str]:
    """Why the stage's APIs would not accept the tokens of those who sign in."""
    if settings.ui.sign_in_domain_prefix is not None:
        yield "ui.signInDomainPrefix: only without `ui.signIn`: the web UI has no user pool of its own then"
    if settings.auth.type == "cognito":
        if sign_in.issuer != _pool_issuer(settings.auth.user_pool_arn):
            yield "ui.signIn.issuer: must be that of `auth.userPoolArn`, https://cognito-idp.<region>.amazonaws.com/<pool>"
        if not sign_in.uses_id_token:
            yield "ui.signIn.token: must be id: API Gateway takes access tokens for methods with scopes only"
        return
    issuer = next((issuer for issuer in settings.auth.issuers if issuer.url == sign_in.issuer), None)
    if issuer is None:
        yield "ui.signIn.issuer: must be the `url` of one of `auth.issuers`"
    elif sign_in.uses_id_token and sign_in.client_id not in issuer.audiences:
        yield "ui.signIn.clientId: must be one of the issuer's `audiences`, since it is the audience of ID tokens"


def _pool_issuer(user_pool_arn: str | None) -> str | None:
    """The `iss` of a user pool's tokens."""
    if user_pool_arn is None:
        return None
    region, pool = user_pool_arn.split(":")[3], user_pool_arn.rpartition("/")[2]
    return f"https://cognito-idp.{region}.amazonaws.com/{pool}"


def _guardrail_problems(settings: StageSettings) -> Iterable[str]:
    guardrail = settings.guardrail
    if guardrail.type == "new" and settings.region in WITHOUT_GUARDRAILS:
        yield f"guardrail: CloudFormation has none in {settings.region}; the type can be off"
    if guardrail.type == "existing":
        for name in ("id", "version"):
            if getattr(guardrail, name) is None:
                yield f"guardrail.{name}: required with an existing guardrail"
    elif guardrail.id or guardrail.version:
        yield f"guardrail: `id` and `version` only with `type` existing, not {guardrail.type}"
    yield from _policy_problems(guardrail)
    yield from _picture_problems(settings)
    for use_case in settings.chosen_use_cases:
        if guardrail.type == "new" and settings.calls_text_models(use_case) and settings.leaves_region(use_case.name):
            yield (
                f"modelRegions.{use_case.setting}: a new guardrail would be created in the stage's region, but text "
                "models need it where they are called; use an existing one there, or no guardrail"
            )
    text_users = filter(settings.calls_text_models, settings.chosen_use_cases)
    regions = {settings.model_region(each.name) for each in text_users}
    if guardrail.type == "existing" and len(regions) > 1:
        yield "guardrail: an existing one is in one region, but the text models are called in several (modelRegions)"


def _picture_problems(settings: StageSettings) -> Iterable[str]:
    guardrail = settings.guardrail
    if guardrail.pictures is not None and guardrail.type == "off":
        yield "guardrail.pictures: only with a guardrail"
    elif guardrail.pictures and guardrail.type == "new" and settings.region not in (None, *PICTURE_FILTER_REGIONS):
        yield f"guardrail.pictures: AWS offers it in {', '.join(PICTURE_FILTER_REGIONS)}"


def _policy_problems(guardrail: GuardrailSettings) -> Iterable[str]:
    if guardrail.type != "new":
        for name, default in (("policies", GuardrailPolicies()), ("use_cases", UseCasePolicies())):
            if getattr(guardrail, name) != default:
                yield f"guardrail.{_wire_name(GuardrailSettings, name)}: only with `type` new, not {guardrail.type}"
        return
    yield from _topic_problems(guardrail.policies, "guardrail.policies")
    for field in msgspec.structs.fields(UseCasePolicies):
        if getattr(guardrail.use_cases, field.name).denied_topics:
            yield from _topic_problems(guardrail.policies_for(field.name), f"guardrail.useCases.{field.encode_name}")


def _topic_problems(policies: GuardrailPolicies, path: str) -> Iterable[str]:
    """Problems of a guardrail's topics. A use case's has those of `policies`, too.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailTopicPolicyConfig.html
    """
    names = [topic.name for topic in policies.denied_topics]
    if len(names) > MAX_TOPICS:
        yield f"{path}.deniedTopics: {len(names)} topics, but a guardrail has at most {MAX_TOPICS}"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{path}.deniedTopics: {name!r} is listed twice"
    for topic in policies.denied_topics:
        if len(topic.examples) > MAX_EXAMPLES:
            yield f"{path}.deniedTopics: {topic.name!r} has {len(topic.examples)} examples; at most {MAX_EXAMPLES}"


def _wire_name(settings_type: type[msgspec.Struct], name: str) -> str:
    """A field's name in cdk.json."""
    return {field.name: field.encode_name for field in msgspec.structs.fields(settings_type)}[name]
