"""The doctor's check of credit risk."""

from typing import Any

import msgspec
import pytest

from dev.tools import credit_risk
from dev.tools.findings import Finding
from lambda_src.credit_risk.models import ScoreCutOff
from lambda_src.credit_risk.registry import ActiveState, Assignment
from lambda_src.shared.ids import new_id
from stacks.config import StageSettings
from tests.dev.tools.test_doctor import SETTINGS, target
from tests.fakes import client_error
from tests.lambda_src.credit_risk.stage import Stage

TRIAL: StageSettings = msgspec.structs.replace(SETTINGS, removal_policy="destroy")


def findings(settings: StageSettings = SETTINGS, **answers: Any) -> list[Finding]:
    return list(credit_risk.findings(target(**answers), settings))


def state(model: str | None) -> dict[str, Any]:
    champion = Assignment(model, ScoreCutOff(approve=660, refer=600)) if model else None
    return {"Item": {"state": {"B": msgspec.json.encode(ActiveState(version=1, champion=champion))}}}


def test_a_sample_model_is_named_and_a_warning_where_data_is_kept() -> None:
    (finding,) = findings(get_item={})
    assert finding.level == "warning"
    assert "a sample model is active" in finding.message
    assert "activate one" in finding.advice
    (finding,) = findings(TRIAL, get_item={})
    assert finding.level == "ok"
    assert "a sample model is active" in finding.message


def test_a_model_of_ones_own_is_fine() -> None:
    stage = Stage()
    model = stage.register()
    stage.activate(model)

    (finding,) = findings(get_item=stage.table.get_item)
    assert finding.level == "ok"
    assert finding.message.startswith("Small, version ")


def test_no_active_model_is_a_warning() -> None:
    (finding,) = findings(get_item=state(None))
    assert (finding.level, finding.message) == ("warning", "none is active: scores are refused")


def test_an_active_model_that_is_gone_is_a_failure() -> None:
    answers = [{}, state(new_id())]
    (finding,) = findings(get_item=lambda **request: answers.pop())
    assert finding.level == "fail"
    assert "is not there" in finding.message


@pytest.mark.parametrize(
    ("code", "text"), [("AccessDeniedException", "needs the action"), ("Throttling", "Throttling")]
)
def test_a_table_that_cannot_be_read_is_not_checked(code: str, text: str) -> None:
    (finding,) = findings(get_item=client_error(code))
    assert finding.level == "warning"
    assert text in finding.message


def test_a_use_case_that_is_not_deployed_or_chosen_is_not_checked() -> None:
    assert findings(list_stack_resources=client_error("ValidationError")) == []
    assert findings(msgspec.structs.replace(SETTINGS, use_cases=("chatbot",))) == []
