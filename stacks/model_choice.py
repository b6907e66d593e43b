"""Chooses the use cases and models of a stage that does not list them, for its region and residency."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lambda_src.registry import USE_CASES, ModelSetting, UseCase, camel
from lambda_src.shared.catalog import Invocation, resolve
from stacks.config import StageSettings
from stacks.geography import WITHOUT_GUARDRAILS, outside
from stacks.model_catalog import ANY_REGION, CATALOG, destinations, source_regions, ways


def with_choices(settings: StageSettings) -> StageSettings:
    """The settings with use cases and models chosen where the stage lists none.

    A use case without a model for the region is left out, unless the stage lists it or has turned on what the model is
    for: then it has no models, which the checks report.
    """
    if settings.region is None:
        return settings
    models: dict[str, tuple[str, ...] | None] = {}
    for use_case in settings.chosen_use_cases:
        for setting in settings.model_settings(use_case):
            if getattr(settings.models, setting.name) is None:
                chosen_ids = tuple(each.id for each in _choose(use_case, setting, settings))
                models[setting.name] = chosen_ids or None
    chosen = _with_models(settings, models)
    if settings.use_cases is not None:
        return chosen
    served = [each for each in chosen.chosen_use_cases if not _is_unserved(each, chosen)]
    offered = {setting.name for use_case in served for setting in chosen.model_settings(use_case)}
    kept = _with_models(settings, {name: ids for name, ids in models.items() if name in offered})
    return msgspec.structs.replace(kept, use_cases=tuple(use_case.setting for use_case in served))


def _is_unserved(use_case: UseCase, settings: StageSettings) -> bool:
    """Whether no models could be chosen. Too few that are listed are a mistake, which the checks report."""
    missing = missing_setting(use_case, settings)
    return missing is not None and missing.option is None and getattr(settings.models, missing.name) is None


def _with_models(settings: StageSettings, models: Mapping[str, tuple[str, ...] | None]) -> StageSettings:
    return msgspec.structs.replace(settings, models=msgspec.structs.replace(settings.models, **models))


def missing_setting(use_case: UseCase, settings: StageSettings) -> ModelSetting | None:
    """The first model setting of the use case that has too few models."""
    for setting in settings.model_settings(use_case):
        if len(settings.models_for(setting.name)) < setting.minimum:
            return setting
    return None


def reason_without_models(use_case: UseCase, setting: ModelSetting, settings: StageSettings) -> str:
    """Why nothing could be chosen, and what to do."""
    region = settings.model_region(use_case.name)
    limit = "" if settings.residency == "any" else f" with residency {settings.residency}"
    elsewhere = sorted(
        {
            other
            for invocation in _preferred(setting)
            for other in source_regions(invocation)
            if stays(invocation, other, settings)
        }
    )
    advice = f"; modelRegions.{camel(use_case.name)} can be {', '.join(elsewhere)}" if elsewhere else ""
    return f"none of its preferred {setting.purpose} models is served in {region}{limit}{advice}"


def stays(invocation: Invocation, region: str, settings: StageSettings) -> bool:
    """Whether the region serves the invocation, and its calls stay in the stage's residency."""
    reached = destinations(invocation, region)
    return bool(reached) and not outside(settings.residency, settings.region or region, (region, *reached))


def _choose(use_case: UseCase, setting: ModelSetting, settings: StageSettings) -> Iterator[Invocation]:
    """One invocation for each of the setting's defaults that the region serves.

    A model that stays in a geography comes before a better one that may be called anywhere.
    """
    region = settings.model_region(use_case.name)
    chosen = set()
    for model_ids in setting.defaults:
        candidates = [
            (invocation.profile == "global", rank, position, invocation)
            for rank, model_id in enumerate(model_ids)
            for position, invocation in enumerate(ways(CATALOG.models[model_id]))
            if region and stays(invocation, region, settings) and _is_usable(invocation, setting, settings)
        ]
        if not candidates:
            continue
        invocation = min(candidates, key=lambda candidate: candidate[:3])[3]
        if invocation.model.id not in chosen:
            chosen.add(invocation.model.id)
            yield invocation


def _is_usable(invocation: Invocation, setting: ModelSetting, settings: StageSettings) -> bool:
    model = invocation.model
    fits = setting.name != "hr_qa_embeddings" or settings.hr_qa.dimensions in model.dimensions
    return fits and model.lifecycle.status == "active"


def _preferred(setting: ModelSetting) -> Iterator[Invocation]:
    for model_id in dict.fromkeys(model_id for model_ids in setting.defaults for model_id in model_ids):
        yield from ways(CATALOG.models[model_id])


def left_out(stage: Mapping[str, Any], settings: StageSettings) -> Iterator[str]:
    """A line for each use case that the stage lacks although it does not choose its use cases, with the reason.

    `stage` has the settings as they are written, `settings` those with the choices.
    """
    if stage.get("useCases") is not None:
        return
    for use_case in USE_CASES:
        if use_case not in settings.chosen_use_cases:
            everything = with_choices(msgspec.structs.replace(settings, use_cases=(use_case.setting,)))
            setting = missing_setting(use_case, everything)
            if setting is not None:
                yield f"{use_case.id} is left out: {reason_without_models(use_case, setting, settings)}"


def data_flows(settings: StageSettings) -> Iterator[str]:
    """A line for each use case whose data may leave the stage's region, and one if nothing screens texts."""
    if settings.guardrail.type == "off" and settings.region in WITHOUT_GUARDRAILS:
        yield f"no guardrail screens any text: AWS offers none in {settings.region}"
    guardrail_region = settings.guardrail_region if settings.guardrail.type == "existing" else settings.region
    for use_case in settings.chosen_use_cases:
        calls_models = bool(settings.model_settings(use_case))
        if settings.cost_profiles and calls_models and settings.leaves_region(use_case.name):
            yield f"{use_case.id}: has no cost profiles, which must be in the region that its models are called in"
        if calls_models and guardrail_region and guardrail_region != settings.region:
            yield f"{use_case.id}: the guardrail processes its texts in {guardrail_region}"
        region = settings.model_region(use_case.name)
        reached = _reached(use_case, settings)
        if region is None or not reached - {settings.region}:
            continue
        if ANY_REGION in reached:
            yield f"{use_case.id}: its models may process data in any commercial region"
        else:
            yield f"{use_case.id}: its models may process data in {', '.join(sorted(reached))}"


def _reached(use_case: UseCase, settings: StageSettings) -> set[str]:
    region = settings.model_region(use_case.name) or ""
    reached: set[str] = set()
    for setting in settings.model_settings(use_case):
        for invocation in map(resolve, settings.called_models_for(setting.name)):
            reached.update(destinations(invocation, region))
    return reached
