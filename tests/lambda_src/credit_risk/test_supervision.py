"""Registering, cut-offs and activation: who may do what, and what is refused."""

from typing import Any

import msgspec
import pytest

from lambda_src.credit_risk.counters import Outcome, ScoreFacts, outcome_counts
from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.models import CutOffQuery, Simulate
from lambda_src.credit_risk.registry import FIRST_CHAMPION, SAMPLES
from lambda_src.shared.errors import Conflict, InvalidRequest, NotFound, Unavailable
from lambda_src.shared.ids import new_id
from tests.fakes import CALLER, OTHER
from tests.lambda_src.credit_risk.stage import CUT_OFF, THIRD, Stage, context, with_metrics

GRADES = next(model for model in SAMPLES if model != FIRST_CHAMPION)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_who_made_a_model_cannot_activate_it(stage: Stage) -> None:
    model = stage.register(CALLER)

    for role in ("champion", "challenger"):
        with pytest.raises(Conflict, match="second person"):
            stage.activate(model, role, CALLER)
    assert stage.activate(model, "challenger", OTHER).activated_by == OTHER
    # Also not later, and not with other cut-offs.
    with pytest.raises(Conflict, match="second person"):
        stage.activate(model, "champion", CALLER)
    assert stage.activate(model, "champion", THIRD).role == "champion"


def test_everyone_can_stop_a_model(stage: Stage) -> None:
    model = stage.register(CALLER)
    stage.activate(model, "champion", OTHER)

    assert stage.activate(model, "retired", CALLER, cutOff=None).role == "retired"


def test_a_sample_was_made_by_nobody(stage: Stage) -> None:
    assert stage.activate(GRADES, "champion", CALLER).previous == FIRST_CHAMPION


def test_a_model_without_metrics_gets_no_role(stage: Stage) -> None:
    model = stage.service.create_model(
        context(), body=msgspec.convert({**with_metrics(), "performance": None}, Model)
    ).id

    for role in ("champion", "challenger"):
        with pytest.raises(Conflict, match="no metrics"):
            stage.activate(model, role)


def test_roles_that_a_model_cannot_have(stage: Stage) -> None:
    model = stage.register()
    with pytest.raises(Conflict, match="the model is candidate: it has no role to lose"):
        stage.activate(model, "retired")
    stage.activate(model)
    with pytest.raises(Conflict, match="the model is champion"):
        stage.activate(model, "challenger")
    with pytest.raises(NotFound):
        stage.activate(new_id())


@pytest.mark.parametrize(
    ("cut_off", "path", "reason"),
    [
        (None, "body.cutOff", "is required unless the role is retired"),
        ({"approve": 299, "refer": 299}, "body.cutOff.approve", "300 to 850"),
        ({"approve": 851, "refer": 600}, "body.cutOff.approve", "300 to 850"),
        ({"approve": 600, "refer": 601}, "body.cutOff.refer", "must not be above approve"),
    ],
)
def test_cut_offs_are_checked(stage: Stage, cut_off: Any, path: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        stage.activate(stage.register(), cutOff=cut_off)

    assert raised.value.details
    assert raised.value.details[0]["path"] == path
    assert reason in raised.value.message


def test_one_cut_off_is_enough(stage: Stage) -> None:
    assert stage.activate(stage.register(), cutOff={"approve": 600, "refer": 600}).cut_off is not None


def test_the_log_of_activations_only_grows(stage: Stage) -> None:
    model = stage.register()
    for caller in (OTHER, THIRD):
        stage.activate(model, "champion", caller)
        stage.clock.now += 1
    stage.activate(GRADES)
    stage.clock.now += 1
    stage.activate(model, "champion", OTHER, reason="Back: **grade** drifts")

    log = stage.service.get_model(context(), id=model).activations
    assert [(entry.activated_by, entry.role) for entry in log] == [
        (OTHER, "champion"),
        (THIRD, "champion"),
        (OTHER, "champion"),
    ]
    assert log[0].previous == GRADES


def test_a_simulation_has_one_wish(stage: Stage) -> None:
    for body in (Simulate(), Simulate(cut_off=600, approval_rate=0.5)):
        with pytest.raises(InvalidRequest, match="exactly one of cutOff, approvalRate"):
            stage.service.simulate(context(), id=FIRST_CHAMPION, body=body)


def test_a_simulation_without_result_says_why(stage: Stage) -> None:
    with pytest.raises(Conflict, match="no cut-off keeps to that"):
        stage.service.simulate(context(), id=stage.register(), body=Simulate(maximum_bad_rate=0))


def test_a_model_without_a_role_has_no_cut_off_in_force(stage: Stage) -> None:
    model = stage.register()
    result = stage.service.simulate(context(), id=model, body=Simulate(cut_off=600))

    assert result.simulated.cut_off == 600
    assert result.loans == 1_000
    assert "current" not in msgspec.to_builtins(result)
    stage.activate(model)
    assert stage.service.simulate(context(), id=model, body=Simulate(cut_off=650)).current.cut_off == 600  # type: ignore[union-attr]


def test_the_basis_of_cut_offs_can_be_loans_in_production(stage: Stage) -> None:
    model = stage.register()
    with pytest.raises(Conflict, match="no outcome of a loan is known yet"):
        stage.service.get_cut_offs(context(), id=model, query=CutOffQuery(basis="production"))
    scorecard = stage.registry.read(stage.registry.get(model))
    for score, defaulted in ((550, True), (560, False), (640, False), (700, False)):
        facts = ScoreFacts(
            score_id=new_id(),
            model=model,
            date="2026-01-05",
            score=score,
            probability_of_default=0.2,
            loss_given_default=0.9,
            exposure=6_000,
            expected_loss=1_080,
            amount=10_000,
        )
        outcome = Outcome(defaulted=defaulted, balance=5_000, recovered=500)
        stage.counters.add(model, facts.date, "outcomes", outcome_counts(scorecard, facts, outcome))

    table = stage.service.get_cut_offs(context(), id=model, query=CutOffQuery(basis="production", step=50))
    rows = {row.cut_off: row for row in table.items}
    assert table.loans == 4
    assert rows[600].approval_rate == 0.5
    assert rows[600].bad_rate_rejected == 0.5
    assert rows[550].loss_rate_approved == pytest.approx(4_500 / 40_000)
    assert rows[600].expected_loss_rate_approved == pytest.approx(0.108)


def test_a_model_without_loans_of_a_basis_says_so(stage: Stage) -> None:
    with pytest.raises(Conflict, match="no loans of basis outOfTime"):
        stage.service.get_cut_offs(context(), id=stage.register(), query=CutOffQuery(basis="outOfTime"))


def test_a_registered_model_that_grows_beyond_the_limit_is_refused(stage: Stage) -> None:
    """Numbers are written in another way than they were sent."""
    model = with_metrics()
    histogram = model["performance"]["holdout"]
    for column in ("goods", "bads", "amounts", "expectedLosses", "losses"):
        histogram[column] = [1] * 2_000
    histogram["amounts"] = [123_456_789_012.123 + number for number in range(2_000)]
    model["performance"]["outOfTime"] = histogram
    model["performance"]["periods"] = [
        {
            "period": "2011Q1",
            "loans": 1,
            "bads": 0,
            "meanProbabilityOfDefault": 0.123456789012,
            "scorePsi": 0.123456789012,
            "characteristics": [{"name": "annualIncome", "psi": 0.123456789012}] * 18,
        }
    ] * 200
    with pytest.raises(InvalidRequest, match="262,144 bytes"):
        stage.service.create_model(context(), body=msgspec.convert(model, Model))
    assert not stage.bucket.objects


def test_the_cut_off_in_force_is_shown(stage: Stage) -> None:
    model = stage.register()
    stage.activate(model)

    shown = stage.service.get_cut_offs(context(), id=model, query=CutOffQuery()).cut_off
    assert msgspec.to_builtins(shown) == CUT_OFF


def test_a_model_that_cannot_be_read_gets_no_role(stage: Stage) -> None:
    model = stage.register()
    stage.bucket.objects.clear()

    with pytest.raises(Unavailable):
        stage.activate(model)
    assert stage.registry.state().holder("champion") == FIRST_CHAMPION
    # Not even a broken model needs to be readable to be stopped.
    assert stage.activate(FIRST_CHAMPION, "retired").role == "retired"
