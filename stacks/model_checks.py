"""Checks that a stage's models are known, fit their purpose, are served in its region, and have not ended."""

from collections.abc import Iterator
from datetime import date

import msgspec

from lambda_src.registry import USE_CASES, ModelSetting, UseCase, camel
from lambda_src.shared.catalog import Invocation, Model, UnknownModel, models, resolve
from lambda_src.shared.lifecycle import NEAR_END
from stacks.config import (
    ApplicationProfile,
    GuardrailPolicies,
    ModelName,
    ModelRegions,
    ModelWithFallbacks,
    StageSettings,
)
from stacks.geography import REGIONS, outside
from stacks.model_catalog import ANY_REGION, destinations, source_regions, ways
from stacks.model_choice import reason_without_models, stays

# Why models for a purpose cannot stand in for each other.
_WITHOUT_FALLBACKS = {
    "embedding": "vectors of different models cannot be compared",
    "rerank": "results keep the order of the search when their model fails",
}

# Of the 4 KB that all variables of a function may have. Less is left with the most spaces, groups and budgets: then
# the deployment fails. https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
MAX_FALLBACK_VARIABLES = 1_000
# About an application inference profile's ARN, with `=` before it.
_COST_PROFILE = 110


def model_problems(settings: StageSettings, today: date) -> Iterator[str]:
    """Problems of the stage's models; each line starts with the path of the setting."""
    yield from _region_problems(settings)
    yield from _unchosen_problems(settings)
    for use_case in settings.chosen_use_cases:
        for setting in settings.model_settings(use_case):
            if len(settings.offered(setting.name)) < setting.minimum:
                yield from _missing_problems(use_case, setting, settings)
            yield from _entry_problems(use_case, setting, settings, today)
    yield from _dimension_problems(settings)
    yield from _allowance_problems(settings)


def _region_problems(settings: StageSettings) -> Iterator[str]:
    for field in msgspec.structs.fields(ModelRegions):
        region = getattr(settings.model_regions, field.name)
        if region is None:
            continue
        if region not in REGIONS:
            yield f"modelRegions.{field.encode_name}: {region} is no commercial region of AWS"
        elif settings.region and outside(settings.residency, settings.region, (region,)):
            yield f"modelRegions.{field.encode_name}: {region} is outside the residency {settings.residency}"
    if settings.residency != "any" and not settings.region:
        yield "residency: set `region`, which decides where the models' calls may go"
    elif settings.region and outside(settings.residency, settings.region, (settings.region,)):
        yield f"residency: the stage's own region {settings.region} is outside {settings.residency}"


def _unchosen_problems(settings: StageSettings) -> Iterator[str]:
    """Settings of use cases that the stage does not have would have no effect."""
    if len(set(settings.use_cases or ())) != len(settings.use_cases or ()):
        yield "useCases: one is listed twice"
    chosen = settings.chosen_use_cases
    if not chosen:
        hint = f"; unless it lists some, it has those with models for {settings.region}" if settings.region else ""
        yield f"useCases: the stage has none{hint}"
    for use_case in USE_CASES:
        if use_case not in chosen:
            for path in _settings_of(use_case, settings):
                yield f"{path}: the stage has no {use_case.setting} (useCases)"
        elif use_case.models and not settings.model_settings(use_case):
            for path in _settings_of_models(use_case, settings):
                yield f"{path}: only with {use_case.setting}.{use_case.models[0].option}"


def _settings_of_models(use_case: UseCase, settings: StageSettings) -> Iterator[str]:
    """The paths of what the stage sets for the use case's models."""
    for setting in use_case.models:
        if getattr(settings.models, setting.name):
            yield f"models.{camel(setting.name)}"
    if getattr(settings.model_regions, use_case.name, None):
        yield f"modelRegions.{use_case.setting}"
    if getattr(settings.guardrail.use_cases, use_case.name, GuardrailPolicies()) != GuardrailPolicies():
        yield f"guardrail.useCases.{use_case.setting}"


def _settings_of(use_case: UseCase, settings: StageSettings) -> Iterator[str]:
    """The paths of what the stage sets for the use case."""
    yield from _settings_of_models(use_case, settings)
    if use_case.name == "image_generation" and settings.guardrail.pictures:
        yield "guardrail.pictures"
    if settings.reserved_concurrency_of(use_case.name):
        yield f"reservedConcurrency.{use_case.setting}"


def _missing_problems(use_case: UseCase, setting: ModelSetting, settings: StageSettings) -> Iterator[str]:
    path = f"models.{camel(setting.name)}"
    if getattr(settings.models, setting.name) is not None:
        count = "one model" if setting.minimum == 1 else f"{setting.minimum} models"
        yield f"{path}: at least {count}"
    elif settings.region is None:
        yield f"{path}: list them, or set `region`, for which they are chosen"
    else:
        yield f"{path}: {reason_without_models(use_case, setting, settings)}"


def _entry_problems(use_case: UseCase, setting: ModelSetting, settings: StageSettings, today: date) -> Iterator[str]:
    path = f"models.{camel(setting.name)}"
    offered = settings.offered(setting.name)
    ids = [_id(model.primary) for model in offered]
    if setting.maximum is not None and len(ids) > setting.maximum:
        yield f"{path}: " + ("one model only" if setting.maximum == 1 else f"{setting.maximum} models at most")
    if len(set(ids)) != len(ids):
        yield f"{path}: a model is listed twice"
    alone = isinstance(getattr(settings.models, setting.name), ModelWithFallbacks)
    yield from (f"{path}: {problem}" for problem in _size_problems(setting, settings))
    for index, model in enumerate(offered):
        place = path if alone else f"{path}[{index}]"
        if model.then:
            yield from (f"{place}.then{problem}" for problem in _fallback_problems(model, setting))
        names = {f"{place}.then[{number}]": name for number, name in enumerate(model.then)}
        for name_path, name in {f"{place}.primary" if model.then else place: model.primary, **names}.items():
            problems = [
                *_profile_problems(name, use_case, setting, settings),
                *_invocation_problems(_id(name), use_case, setting, settings, today),
            ]
            yield from (f"{name_path}: {problem}" for problem in problems)


def _size_problems(setting: ModelSetting, settings: StageSettings) -> Iterator[str]:
    invocations = [each for chain in settings.fallbacks_for(setting.name) for each in chain]
    profiles = _COST_PROFILE * sum("=" not in each for each in invocations) if settings.cost_profiles else 0
    size = len("".join(invocations)) + profiles
    if size > MAX_FALLBACK_VARIABLES:
        yield (
            f"fallbacks take {size} bytes as a variable of functions, which have room for {MAX_FALLBACK_VARIABLES}: "
            "use fewer"
        )


def _id(name: ModelName) -> str:
    return name if isinstance(name, str) else name.model


def _fallback_problems(model: ModelWithFallbacks, setting: ModelSetting) -> Iterator[str]:
    if reason := _WITHOUT_FALLBACKS.get(setting.purpose):
        yield f": {setting.purpose} models have no fallbacks, since {reason}"
    ids = [_id(name) for name in (model.primary, *model.then)]
    for number, fallback in enumerate(ids[1:]):
        if fallback in ids[: number + 1]:
            yield f"[{number}]: {fallback} is listed twice"


def _profile_problems(
    entry: ModelName, use_case: UseCase, setting: ModelSetting, settings: StageSettings
) -> Iterator[str]:
    if not isinstance(entry, ApplicationProfile):
        return
    region = settings.model_region(use_case.name)
    if setting.purpose == "rerank":
        # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_BedrockRerankingModelConfiguration.html
        yield "Rerank takes no application inference profile"
    if region and entry.arn.split(":")[3] != region:
        yield f"the application inference profile is not in {region}, where the model is called"
    if settings.account and entry.arn.split(":")[4] != settings.account:
        yield f"the application inference profile is not in the account {settings.account}"


def end_of_life(model: Model) -> date | None:
    """The first day on which the model is, or may be, no longer served."""
    return date.fromisoformat(model.lifecycle.end_of_life_at) if model.lifecycle.end_of_life_at else None


def has_ended(model: Model, today: date) -> bool:
    """Whether the model is past its announced end (for an `active` model the date is only the earliest possible)."""
    ends = end_of_life(model)
    return ends is not None and ends <= today and model.lifecycle.status != "active"


def lifecycle_warning(invocation: Invocation, today: date, region: str | None, settings: StageSettings) -> str | None:
    """The synthesis warning about a model near or past its end; None when there is nothing to warn about."""
    model, ends = invocation.model, end_of_life(invocation.model)
    if ends is None or ends - today > NEAR_END:
        return f"{model.name} is legacy: AWS refuses new customers" if model.lifecycle.status == "legacy" else None
    if has_ended(model, today):
        what = f"ended on {ends} and is used by special permission (allowEndedModels)"
    elif model.lifecycle.status == "active":
        what = f"may end on short notice: AWS keeps it until {ends} at least"
    else:
        what = f"ends on {ends}, in {(ends - today).days} days"
    return f"{invocation.id} ({model.name}) {what}{_advice(model, today, region, settings)}"


def _invocation_problems(
    invocation_id: str, use_case: UseCase, setting: ModelSetting, settings: StageSettings, today: date
) -> Iterator[str]:
    try:
        invocation = resolve(invocation_id)
    except UnknownModel:
        yield f"{invocation_id} is not in the model catalog (lambda_src/shared/models.json), or has no such profile"
        return
    model, region = invocation.model, settings.model_region(use_case.name)
    if model.purpose != setting.purpose:
        yield f"{invocation_id} is for {model.purpose}, not {setting.purpose}"
        return
    if region:
        yield from _place_problems(invocation, region, settings)
    if has_ended(model, today) and model.id not in settings.allow_ended_models:
        advice = _advice(model, today, region, settings)
        yield (
            f"{invocation_id} ({model.name}) ended on {end_of_life(model)}{advice}; "
            f"an account with extended access adds {model.id} to allowEndedModels"
        )


def _place_problems(invocation: Invocation, region: str, settings: StageSettings) -> Iterator[str]:
    reached = destinations(invocation, region)
    if not reached:
        yield f"{invocation.id} is not served in {region}{_instead(invocation, region, settings)}"
    elif ANY_REGION in reached and settings.residency != "any":
        yield f"{invocation.id} may be processed in any commercial region, but the residency is {settings.residency}"
    elif away := outside(settings.residency, settings.region or region, reached):
        where = ", ".join(away)
        yield f"{invocation.id} may be processed in {where}, outside the residency {settings.residency}"


def _instead(invocation: Invocation, region: str, settings: StageSettings) -> str:
    """Other ways to call the model, there or elsewhere, as far as the stage's residency allows them."""
    there = [way.id for way in ways(invocation.model) if stays(way, region, settings)]
    if there:
        return f", but the model is there as {', '.join(there)}"
    if not source_regions(invocation):
        others = [
            way.id
            for way in ways(invocation.model)
            if way.profile and any(stays(way, region, settings) for region in source_regions(way))
        ]
        return f", only through a profile: {', '.join(sorted(others))}" if others else ""
    regions = [region for region in source_regions(invocation) if stays(invocation, region, settings)]
    return f", but in {', '.join(regions)} (modelRegions sets the region of a use case's models)" if regions else ""


def _dimension_problems(settings: StageSettings) -> Iterator[str]:
    offered = {model.id: model.dimensions for model in models()}
    # The others answer over existing vectors, whatever their length.
    for invocation_id in settings.models_for("hr_qa_embeddings")[:1]:
        dimensions = offered.get(invocation_id.partition("=")[0], ())
        if dimensions and settings.hr_qa.dimensions not in dimensions:
            yield f"hrQa.dimensions: {invocation_id} gives {', '.join(map(str, dimensions))}"


def _allowance_problems(settings: StageSettings) -> Iterator[str]:
    known = {model.id for model in models()}
    for index, model_id in enumerate(settings.allow_ended_models):
        if model_id not in known:
            yield f"allowEndedModels[{index}]: {model_id} is no model's id in the catalog (profiles have none)"


def _advice(model: Model, today: date, region: str | None, settings: StageSettings) -> str:
    replacement = _living_alternative(model, today, region, settings)
    return f"; use {replacement} instead" if replacement else ""


def _living_alternative(model: Model, today: date, region: str | None, settings: StageSettings) -> str | None:
    """An active model with the same purpose that the stage may call, preferably by the same provider."""
    candidates = [other for other in models() if other.purpose == model.purpose and other.id != model.id]
    for other in sorted(candidates, key=lambda candidate: candidate.provider != model.provider):
        ends = end_of_life(other)
        if other.lifecycle.status != "active" or (ends and ends - today <= NEAR_END):
            continue
        for invocation in ways(other):
            if stays(invocation, region, settings) if region else source_regions(invocation):
                return invocation.id
    return None
