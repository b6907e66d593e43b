"""Checks of a stage's models: life cycle, and their state and access in Bedrock."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from dev.tools.findings import CALL_ERRORS, Finding, Target, call_failed, error_code, fail, ok, one_line, warning
from lambda_src.shared.catalog import Invocation, Lifecycle, Model, resolve
from lambda_src.shared.lifecycle import IMMINENT_END, NEAR_END, BedrockLifecycle, merge_lifecycle, parse_lifecycle
from stacks.config import StageSettings
from stacks.model_catalog import destinations
from stacks.model_checks import end_of_life, has_ended, lifecycle_warning

# Bedrock's errors for an unknown model, such as "The provided model identifier is invalid".
_UNKNOWN = {"ResourceNotFoundException", "ValidationException"}
_CONSOLE = "open the model in the Bedrock console's playground once, with the permission aws-marketplace:Subscribe"
_CHOOSE = "choose another model"
_ROW = ", and update its row in lambda_src/shared/models.json (see dev.tools.catalog)"


def invocations(settings: StageSettings) -> list[tuple[Invocation, str | None]]:
    """The stage's models without duplicates, each with the region that it is called in; None is the stack's region."""
    found = {}
    for region, models in settings.models_by_region.items():
        # A model may be called directly and through an application inference profile.
        for invocation in map(resolve, models):
            found[invocation.id, region] = (invocation, region)
    return list(found.values())


def life_cycle(invocation: Invocation, region: str | None, settings: StageSettings, today: date) -> Finding:
    """The model's end of life according to the catalog. The advice is for calls from the region."""
    check, model = f"{invocation.id} life cycle", invocation.model
    message = lifecycle_warning(invocation, today, region, settings)
    text, _, advice = (message or "").removeprefix(f"{invocation.id} ({model.name}) ").partition("; ")
    if has_ended(model, today) and model.id not in settings.allow_ended_models:
        replace = f"{advice or 'choose another model'} (`models` of the stage in cdk.json)"
        return fail(check, f"ended on {end_of_life(model)}", replace)
    if _ends_soon(model, today) and model.id not in settings.allow_ended_models:
        return fail(check, text, f"{advice or _CHOOSE} now")
    if message:
        return warning(check, text, advice)
    ends = end_of_life(model)
    return ok(check, f"{model.lifecycle.status}, {f'until at least {ends}' if ends else 'no end announced'}")


def _ends_soon(model: Model, today: date) -> bool:
    """Whether the model's announced end is near; an active model's date is only the earliest possible one."""
    ends = end_of_life(model)
    return ends is not None and ends - today <= IMMINENT_END and model.lifecycle.status != "active"


def bedrock(invocation: Invocation, target: Target, region: str, today: date) -> Iterator[Finding]:
    """The model's state in Bedrock, the account's access, and the destinations of the profile."""
    try:
        client = target.client("bedrock", region)
    except CALL_ERRORS as error:
        yield call_failed(f"{invocation.id} model", error, "bedrock:GetFoundationModel", target)
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
        life = parse_lifecycle(details.get("modelLifecycle", {}))
    except ValueError as error:
        return warning(check, f"invalid life cycle: {one_line(error)}", "see the model's page in the Bedrock console")
    shown = f"{_life(life)} in {'the emulator' if target.emulated else 'Bedrock'}"
    if target.emulated or merge_lifecycle(invocation.model.lifecycle, life, today) == invocation.model.lifecycle:
        differs = ""
    else:
        differs = f"; {_row(invocation.model.lifecycle)} in the catalog"
    if life.ends_on and life.ends_on <= today:
        return fail(check, f"{shown}, ended on {life.ends_on}{differs}", f"{_CHOOSE}{_ROW if differs else ''}")
    if life.ends_on and life.ends_on - today <= IMMINENT_END:
        days = (life.ends_on - today).days
        return fail(check, f"{shown}, ends on {life.ends_on}, in {days} days{differs}", f"{_CHOOSE} now")
    if life.status != "ACTIVE" or (life.ends_on and life.ends_on - today <= NEAR_END):
        ends = f", ends on {life.ends_on}" if life.ends_on else ""
        return warning(check, f"{shown}{ends}{differs}", f"{_CHOOSE}{_ROW if differs else ''}")
    shown = f"{shown}{f', until {life.ends_on}' if life.ends_on else ''}"
    return warning(check, shown + differs, _ROW.removeprefix(", and ")) if differs else ok(check, shown)


def _life(life: BedrockLifecycle) -> str:
    since = f" since {life.legacy_on}" if life.status == "LEGACY" and life.legacy_on else ""
    return f"{life.status}{since}{_extended(life.extended_access_on)}"


def _row(life: Lifecycle) -> str:
    since = f" since {life.legacy_at}" if life.legacy_at else ""
    ends = f"end of life {life.end_of_life_at}" if life.end_of_life_at else "no end"
    return f"{life.status}{since}{_extended(life.extended_access_at)}, {ends}"


def _extended(start: object) -> str:
    return f", extended access from {start}" if start else ""


def _access(invocation: Invocation, client: Any, target: Target, region: str) -> Finding:
    check = f"{invocation.id} access"
    if target.emulated:
        return ok(check, "the emulator serves every model")
    try:
        response = client.get_foundation_model_availability(modelId=invocation.model.id)
    except AttributeError:
        return warning(check, "this version of boto3 lacks the operation", "update boto3 with `make setup`")
    except CALL_ERRORS as error:
        return _unseen(check, error, "bedrock:GetFoundationModelAvailability", invocation, target, region)
    agreement = response.get("agreementAvailability", {})
    statuses = {
        "authorization": response.get("authorizationStatus", "unknown"),
        "entitlement": response.get("entitlementAvailability", "unknown"),
        "agreement": agreement.get("status", "unknown"),
        "region": response.get("regionAvailability", "unknown"),
    }
    shown = ", ".join(f"{name} {value}" for name, value in statuses.items())
    if statuses["authorization"] == "NOT_AUTHORIZED":
        return fail(check, shown, "check the account's and the organization's policies for Bedrock")
    if statuses["region"] == "NOT_AVAILABLE" and invocation.profile is None:
        return fail(check, shown, f"the model is not in {region}: choose another, or set `modelRegions` in cdk.json")
    if statuses["agreement"] == "PENDING":
        return warning(check, shown, "wait some minutes until AWS has created the agreement")
    if statuses["entitlement"] == "NOT_AVAILABLE" or statuses["agreement"] in ("NOT_AVAILABLE", "ERROR"):
        reason = f" ({one_line(agreement['errorMessage'])})" if agreement.get("errorMessage") else ""
        form = "; fill in Anthropic's first-use form" if invocation.model.provider == "Anthropic" else ""
        return fail(check, shown + reason, f"{_CONSOLE}{form}: the functions have no permission to subscribe")
    return ok(check, shown)


def _profile(invocation: Invocation, client: Any, target: Target, region: str) -> Finding:
    check = f"{invocation.id} profile"
    try:
        profile = client.get_inference_profile(inferenceProfileIdentifier=invocation.id)
    except CALL_ERRORS as error:
        if error_code(error) in _UNKNOWN and not target.emulated:
            return fail(check, f"Bedrock has no such profile in {region}", "choose another profile, or `modelRegions`")
        return call_failed(check, error, "bedrock:GetInferenceProfile", target)
    regions = sorted({model["modelArn"].split(":")[3] for model in profile.get("models", [])} - {""})
    shown = f"{profile.get('status', 'unknown')}, routes to {', '.join(regions) or 'any region'}"
    if profile.get("status") != "ACTIVE":
        return warning(check, shown, "choose another profile")
    # The functions' roles list the catalog's destinations; a global profile's destinations have no region.
    missing = set(regions) - set(destinations(invocation, region))
    if missing and invocation.profile != "global":
        row = "the profile's routing in lambda_src/shared/models.json, then deploy"
        return fail(
            check, f"{shown}; the functions have no permission for {', '.join(sorted(missing))}", f"add them to {row}"
        )
    return ok(check, shown)


def _unseen(check: str, error: Exception, action: str, invocation: Invocation, target: Target, region: str) -> Finding:
    if error_code(error) not in _UNKNOWN or target.emulated:
        return call_failed(check, error, action, target)
    if invocation.profile:
        return warning(check, f"Bedrock does not list the model in {region}; its profile may still route to it")
    return fail(check, f"Bedrock has no such model in {region}", "choose another model, or set `modelRegions`")
