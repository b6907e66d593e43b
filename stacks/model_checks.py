"""Checks that a stage's models are known, fit their purpose, are served in its region, and have not ended."""

from collections.abc import Iterator
from datetime import date

from lambda_src.registry import MODEL_SETTINGS, ModelSetting
from lambda_src.shared.catalog import MODELS, Invocation, Model, UnknownModel, resolve
from lambda_src.shared.lifecycle import NEAR_END
from stacks.config import StageSettings

# Profile prefix -> the prefixes of the regions it can be called from.
_SOURCE_REGIONS = {
    "us": ("us-", "ca-"),
    "eu": ("eu-",),
    "apac": ("ap-",),
    "jp": ("ap-northeast-",),
    "au": ("ap-southeast-",),
}


def model_problems(settings: StageSettings, today: date) -> Iterator[str]:
    """Problems of the stage's models; each line starts with the path of the setting."""
    for setting in MODEL_SETTINGS:
        path = f"models.{_camel(setting.name)}"
        ids = settings.models_for(setting.name)
        yield from (f"{path}: {problem}" for problem in _count_problems(setting, ids))
        for index, invocation_id in enumerate(ids):
            for problem in _invocation_problems(invocation_id, setting, settings, today):
                yield f"{path}[{index}]: {problem}"
    yield from _dimension_problems(settings)
    yield from _allowance_problems(settings)


def _count_problems(setting: ModelSetting, ids: tuple[str, ...]) -> Iterator[str]:
    if len(ids) < setting.minimum:
        yield "at least one model"
    if setting.maximum is not None and len(ids) > setting.maximum:
        yield "one model only"
    if len(set(ids)) != len(ids):
        yield "a model is listed twice"


def _camel(name: str) -> str:
    """`hr_qa` -> `hrQa`, as in cdk.json."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def end_of_life(model: Model) -> date | None:
    """The first day on which the model is, or may be, no longer served."""
    return date.fromisoformat(model.lifecycle.end_of_life_at) if model.lifecycle.end_of_life_at else None


def has_ended(model: Model, today: date) -> bool:
    """Whether the model is past its announced end (for an `active` model the date is only the earliest possible)."""
    ends = end_of_life(model)
    return ends is not None and ends <= today and model.lifecycle.status != "active"


def lifecycle_warning(invocation: Invocation, today: date, region: str | None) -> str | None:
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
    return f"{invocation.id} ({model.name}) {what}{_advice(model, today, region)}"


def _invocation_problems(
    invocation_id: str, setting: ModelSetting, settings: StageSettings, today: date
) -> Iterator[str]:
    try:
        invocation = resolve(invocation_id)
    except UnknownModel:
        yield f"{invocation_id} is not in the model catalog (lambda_src/shared/catalog.py), or has no such profile"
        return
    model = invocation.model
    if model.purpose != setting.purpose:
        yield f"{invocation_id} is for {model.purpose}, not {setting.purpose}"
        return
    if settings.bedrock_region and not is_served(invocation, settings.bedrock_region):
        yield f"{invocation_id} is not served in {settings.bedrock_region}{_elsewhere(invocation)}"
    if has_ended(model, today) and model.id not in settings.allow_ended_models:
        advice = _advice(model, today, settings.bedrock_region)
        yield (
            f"{invocation_id} ({model.name}) ended on {end_of_life(model)}{advice}; "
            f"an account with extended access adds {model.id} to allowEndedModels"
        )


def is_served(invocation: Invocation, region: str) -> bool:
    """Whether the model, or the profile, can be called in the region."""
    if invocation.profile is None:
        return region in invocation.model.regions
    starts = _SOURCE_REGIONS.get(invocation.profile)
    return region in invocation.destination_regions or (starts is not None and region.startswith(starts))


def _elsewhere(invocation: Invocation) -> str:
    if invocation.profile is None and not invocation.model.regions:
        profiles = ", ".join(f"{prefix}.{invocation.model.id}" for prefix in sorted(invocation.model.profiles))
        return f", only through a profile: {profiles}"
    regions = invocation.destination_regions if invocation.profile else invocation.model.regions
    return f", but in {', '.join(regions)} (modelRegion sets the region that Bedrock is called in)"


def _dimension_problems(settings: StageSettings) -> Iterator[str]:
    for invocation_id in settings.models_for("hr_qa_embeddings"):
        offered = {model.id: model.dimensions for model in MODELS}.get(invocation_id, ())
        if offered and settings.hr_qa.dimensions not in offered:
            yield f"hrQa.dimensions: {invocation_id} gives {', '.join(map(str, offered))}"


def _allowance_problems(settings: StageSettings) -> Iterator[str]:
    known = {model.id for model in MODELS}
    for index, model_id in enumerate(settings.allow_ended_models):
        if model_id not in known:
            yield f"allowEndedModels[{index}]: {model_id} is no model's id in the catalog (profiles have none)"


def _advice(model: Model, today: date, region: str | None) -> str:
    replacement = _living_alternative(model, today, region)
    return f"; use {replacement} instead" if replacement else ""


def _living_alternative(model: Model, today: date, region: str | None) -> str | None:
    """An active model with the same purpose that is served in the region, preferably by the same provider."""
    candidates = [other for other in MODELS if other.purpose == model.purpose and other.id != model.id]
    for other in sorted(candidates, key=lambda candidate: candidate.provider != model.provider):
        ends = end_of_life(other)
        if other.lifecycle.status != "active" or (ends and ends - today <= NEAR_END):
            continue
        for invocation in _ways(other):
            if region is None or is_served(invocation, region):
                return invocation.id
    return None


def _ways(model: Model) -> Iterator[Invocation]:
    if model.regions:
        yield Invocation(model.id, model)
    for prefix in model.profiles:
        yield Invocation(f"{prefix}.{model.id}", model, prefix)
