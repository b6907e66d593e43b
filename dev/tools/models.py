"""Checks of the models a stage offers: their life cycle, and what Bedrock says about them in the stage's region."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from dev.tools.findings import CALL_ERRORS, Finding, Target, cannot_look, error_code, fail, ok, one_line, warning
from lambda_src.shared.catalogue import Invocation, Lifecycle, Model, UnknownModel, resolve
from lambda_src.shared.lifecycle import IMMINENT_END, NEAR_END, BedrockLifecycle, merge_lifecycle, parse_lifecycle
from stacks.config import StageSettings
from stacks.model_checks import end_of_life, has_ended, lifecycle_warning

# Bedrock says "The provided model identifier is invalid" of a model it does not have.
_UNKNOWN = {"ResourceNotFoundException", "ValidationException"}
_CONSOLE = "open the model in the Bedrock console's playground once, with the right aws-marketplace:Subscribe"
_CHOOSE = "choose another model"
_ROW = ", and write what Bedrock says into its row in lambda_src/shared/catalogue.py (see dev.tools.catalogue)"


def invocations(settings: StageSettings) -> list[Invocation]:
    """Every model of the stage once, in the order of the use cases; those without a row are the configuration's."""
    found: dict[str, Invocation] = {}
    for invocation_id in settings.all_models:
        try:
            found.setdefault(invocation_id, resolve(invocation_id))
        except UnknownModel:
            continue
    return list(found.values())


def life_cycle(invocation: Invocation, settings: StageSettings, today: date) -> Finding:
    """What the catalogue knows about the model's end."""
    check, model = f"{invocation.id} life cycle", invocation.model
    said = lifecycle_warning(invocation, today, settings.bedrock_region)
    text, _, advice = (said or "").removeprefix(f"{invocation.id} ({model.name}) ").partition("; ")
    if has_ended(model, today) and model.id not in settings.allow_ended_models:
        replace = f"{advice or 'choose another model'} (`models` of the stage in cdk.json)"
        return fail(check, f"ended on {end_of_life(model)}", replace)
    if _ends_soon(model, today) and model.id not in settings.allow_ended_models:
        return fail(check, text, f"{advice or _CHOOSE} now")
    if said:
        return warning(check, text, advice)
    ends = end_of_life(model)
    return ok(check, f"{model.lifecycle.status}, {f'until {ends} at least' if ends else 'no end announced'}")


def _ends_soon(model: Model, today: date) -> bool:
    """Whether its end is announced and near; an active model's day is only the earliest possible one."""
    ends = end_of_life(model)
    return ends is not None and ends - today <= IMMINENT_END and model.lifecycle.status != "active"


def bedrock(invocation: Invocation, target: Target, region: str, today: date) -> Iterator[Finding]:
    """What Bedrock says: the model's state, whether the account may call it, and where its profile routes to."""
    try:
        client = target.client("bedrock", region)
    except CALL_ERRORS as error:
        yield cannot_look(f"{invocation.id} model", error, "bedrock:GetFoundationModel", target)
        return
    yield _model(invocation, client, target, region, today)
    yield _access(invocation, client, target, region)
    if invocation.profile:
        yield _profile(invocation, client, target, region)


def _model(invocation: Invocation, client: Any, target: Target, region: str, today: date) -> Finding:
    check = f"{invocation.id} model"
    try:
        details = client.get_foundation_model(modelIdentifier=invocation.model.id)["modelDetails"]
    except CALL_ERRORS as error:
        return _unseen(check, error, "bedrock:GetFoundationModel", invocation, target, region)
    try:
        said = parse_lifecycle(details.get("modelLifecycle", {}))
    except ValueError as error:
        return warning(check, f"not understood: {one_line(error)}", "look at the model's page in the Bedrock console")
    shown = f"{'the emulator' if target.emulated else 'Bedrock'} says {_life(said)}"
    if target.emulated or merge_lifecycle(invocation.model.lifecycle, said, today) == invocation.model.lifecycle:
        differs = ""
    else:
        differs = f"; the catalogue has {_row(invocation.model.lifecycle)}"
    if said.ends_on and said.ends_on <= today:
        return fail(check, f"{shown}, ended on {said.ends_on}{differs}", f"{_CHOOSE}{_ROW if differs else ''}")
    if said.ends_on and said.ends_on - today <= IMMINENT_END:
        days = (said.ends_on - today).days
        return fail(check, f"{shown}, ends on {said.ends_on}, in {days} days{differs}", f"{_CHOOSE} now")
    if said.status != "ACTIVE" or (said.ends_on and said.ends_on - today <= NEAR_END):
        ends = f", ends on {said.ends_on}" if said.ends_on else ""
        return warning(check, f"{shown}{ends}{differs}", f"{_CHOOSE}{_ROW if differs else ''}")
    shown = f"{shown}{f', until {said.ends_on}' if said.ends_on else ''}"
    return warning(check, shown + differs, _ROW.removeprefix(", and ")) if differs else ok(check, shown)


def _life(said: BedrockLifecycle) -> str:
    return f"{said.status} since {said.legacy_on}" if said.status == "LEGACY" and said.legacy_on else said.status


def _row(life: Lifecycle) -> str:
    ends = f"end of life {life.end_of_life_at}" if life.end_of_life_at else "no end"
    return f"{life.status}{f' since {life.legacy_at}' if life.legacy_at else ''}, {ends}"


def _access(invocation: Invocation, client: Any, target: Target, region: str) -> Finding:
    check = f"{invocation.id} access"
    try:
        answer = client.get_foundation_model_availability(modelId=invocation.model.id)
    except AttributeError:
        return warning(check, "this boto3 cannot ask", "update boto3 with `make setup`")
    except CALL_ERRORS as error:
        return _unseen(check, error, "bedrock:GetFoundationModelAvailability", invocation, target, region)
    agreement = answer.get("agreementAvailability", {})
    found = {
        "authorization": answer.get("authorizationStatus", "unknown"),
        "entitlement": answer.get("entitlementAvailability", "unknown"),
        "agreement": agreement.get("status", "unknown"),
        "region": answer.get("regionAvailability", "unknown"),
    }
    shown = ", ".join(f"{name} {value}" for name, value in found.items())
    if found["authorization"] == "NOT_AUTHORIZED":
        return fail(check, shown, "see the account's and the organization's policies for Bedrock")
    if found["region"] == "NOT_AVAILABLE" and invocation.profile is None:
        return fail(check, shown, f"the model is not in {region}: choose another, or set `modelRegion` in cdk.json")
    if found["agreement"] == "PENDING":
        return warning(check, shown, "wait some minutes until AWS has made the agreement")
    if found["entitlement"] == "NOT_AVAILABLE" or found["agreement"] in ("NOT_AVAILABLE", "ERROR"):
        why = f" ({one_line(agreement['errorMessage'])})" if agreement.get("errorMessage") else ""
        form = "; fill in Anthropic's first-use form" if invocation.model.provider == "Anthropic" else ""
        return fail(check, shown + why, f"{_CONSOLE}{form}: the functions themselves may not subscribe")
    return ok(check, shown)


def _profile(invocation: Invocation, client: Any, target: Target, region: str) -> Finding:
    check = f"{invocation.id} profile"
    try:
        profile = client.get_inference_profile(inferenceProfileIdentifier=invocation.id)
    except CALL_ERRORS as error:
        if error_code(error) in _UNKNOWN and not target.emulated:
            return fail(check, f"Bedrock has no such profile in {region}", "choose another profile, or `modelRegion`")
        return cannot_look(check, error, "bedrock:GetInferenceProfile", target)
    regions = sorted({model["modelArn"].split(":")[3] for model in profile.get("models", [])} - {""})
    shown = f"{profile.get('status', 'unknown')}, routes to {', '.join(regions) or 'any region'}"
    if profile.get("status") != "ACTIVE":
        return warning(check, shown, "choose another profile")
    # The functions' roles list the destinations from the catalogue; a global profile's have no region.
    missing = set(regions) - set(invocation.destination_regions)
    if missing and invocation.profile != "global":
        row = "the model's row in lambda_src/shared/catalogue.py, then deploy"
        return fail(check, f"{shown}; the functions may not call {', '.join(sorted(missing))}", f"add them to {row}")
    return ok(check, shown)


def _unseen(check: str, error: Exception, action: str, invocation: Invocation, target: Target, region: str) -> Finding:
    if error_code(error) not in _UNKNOWN or target.emulated:
        return cannot_look(check, error, action, target)
    if invocation.profile:
        return warning(check, f"Bedrock does not list the model in {region} itself; its profile decides")
    return fail(check, f"Bedrock has no such model in {region}", "choose another model, or set `modelRegion`")
