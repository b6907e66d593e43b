"""The doctor's check of credit risk: which model scores."""

from collections.abc import Iterator

from dev.tools.deployed import function_variables
from dev.tools.findings import CALL_ERRORS, Finding, Target, call_failed, fail, ok, warning
from lambda_src.credit_risk.registry import ModelRegistry
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.shared.errors import Unavailable
from lambda_src.shared.settings import read_settings
from stacks.config import StageSettings

_MODEL = "credit risk model"
_ACTIVATE = "activate one with POST /models/{id}/activations (docs/api.md)"


def findings(target: Target, settings: StageSettings) -> Iterator[Finding]:
    """The check of a stage with credit risk; none before it is deployed."""
    if not any(use_case.name == "credit_risk" for use_case in settings.chosen_use_cases):
        return
    try:
        variables = next(function_variables(target, settings.stack_name("credit_risk")), None)
        if variables is not None:
            yield _active(target, read_settings(CreditSettings, variables), keeps_data=settings.keeps_data)
    except (*CALL_ERRORS, Unavailable) as error:
        cause = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
        actions = "cloudformation:ListStackResources, lambda:GetFunctionConfiguration or dynamodb:GetItem"
        yield call_failed(_MODEL, cause, actions, target)  # type: ignore[arg-type]


def _active(target: Target, settings: CreditSettings, *, keeps_data: bool) -> Finding:
    registry = ModelRegistry(
        settings.table_name,
        str(settings.bucket_name),
        samples=settings.options.sample_models,
        client=target.client("dynamodb"),
        s3=target.client("s3"),
    )
    champion = registry.state().holder("champion")
    if champion is None:
        return warning(_MODEL, "none is active: scores are refused", _ACTIVATE)
    record = registry.find(champion)
    if record is None:
        # The sample models can be turned off while one of them is active.
        return fail(_MODEL, f"the active model {champion} is not there", _ACTIVATE)
    if not record.sample:
        return ok(_MODEL, f"{record.shown_name}, version {record.version}, is active")
    message = f"a sample model is active, trained on made-up loans: {record.shown_name}"
    return warning(_MODEL, message, f"before you decide on loans, {_ACTIVATE}") if keeps_data else ok(_MODEL, message)
