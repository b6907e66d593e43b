"""Which model has which role, and what is stored of models."""

import msgspec
import pytest

from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.models import Activation, ScoreCutOff
from lambda_src.credit_risk.registry import FIRST_CHAMPION, SAMPLE_CUT_OFF, SAMPLES, ActiveState, Assignment
from lambda_src.credit_risk.sample_models import read
from lambda_src.credit_risk.scorecard import parse
from lambda_src.shared.errors import Conflict, Unavailable
from lambda_src.shared.ids import is_id, new_id
from tests.fakes import CALLER
from tests.lambda_src.credit_risk.stage import Stage, with_metrics

CUT_OFF = ScoreCutOff(approve=620, refer=580)
A, B, C = (new_id() for _ in range(3))


def state(champion: str | None = None, challenger: str | None = None, *retired: str) -> ActiveState:
    return ActiveState(
        version=1,
        champion=Assignment(champion, CUT_OFF) if champion else None,
        challenger=Assignment(challenger, CUT_OFF) if challenger else None,
        retired=retired,
    )


def test_a_new_champion_retires_the_old_one() -> None:
    after = state(A, B).after(C, "champion", CUT_OFF)

    assert [after.status(model) for model in (A, B, C)] == ["retired", "challenger", "champion"]
    assert after.version == 2


def test_a_challenger_that_becomes_champion_leaves_its_place() -> None:
    after = state(A, B).after(B, "champion", CUT_OFF)

    assert (after.holder("champion"), after.holder("challenger")) == (B, None)
    assert after.status(A) == "retired"


def test_a_rollback_is_the_activation_of_the_older_model() -> None:
    after = state(B, None, A).after(A, "champion", CUT_OFF)

    assert (after.status(A), after.status(B)) == ("champion", "retired")
    assert after.retired == (B,)


def test_a_retired_model_has_no_role() -> None:
    after = state(A, B).after(A, "retired", None)

    assert (after.holder("champion"), after.status(A), after.cut_off(A)) == (None, "retired", None)
    assert after.cut_off(B) == CUT_OFF


def test_new_cut_offs_are_an_activation() -> None:
    higher = ScoreCutOff(approve=700, refer=600)
    after = state(A).after(A, "champion", higher)

    assert after.cut_off(A) == higher
    assert after.retired == ()


def test_a_stage_starts_with_the_card_that_does_without_grade_and_rate() -> None:
    registry = Stage().registry

    assert registry.state() == ActiveState(champion=Assignment(FIRST_CHAMPION, SAMPLE_CUT_OFF))
    record = registry.get(FIRST_CHAMPION)
    assert not {"grade", "interestRate"} & {*record.characteristics}
    assert record.minimum <= SAMPLE_CUT_OFF.refer < SAMPLE_CUT_OFF.approve <= record.maximum
    assert all(is_id(model) for model in SAMPLES)


def test_the_first_cut_off_approves_six_in_ten_of_the_training_data() -> None:
    histogram = parse(read(SAMPLES[FIRST_CHAMPION])).model.performance.holdout  # type: ignore[union-attr]
    assert histogram
    totals = [good + bad for good, bad in zip(histogram.goods, histogram.bads, strict=True)]
    shares = [
        sum(totals[(cut_off - histogram.first) // histogram.width :]) / sum(totals)
        for cut_off in (SAMPLE_CUT_OFF.approve, SAMPLE_CUT_OFF.refer)
    ]

    assert shares[0] == pytest.approx(0.6, abs=0.05)
    assert shares[1] - shares[0] == pytest.approx(0.25, abs=0.05)


def test_of_two_activations_at_once_one_succeeds() -> None:
    stage = Stage()
    first, second = stage.register(), stage.register()
    seen = stage.registry.state()
    for version in (seen, None):
        before = version or stage.registry.state()
        stage.registry.activate(before, before.after(first, "champion", CUT_OFF), activation(first))
        with pytest.raises(Conflict, match="at the same time"):
            stage.registry.activate(before, before.after(second, "champion", CUT_OFF), activation(second))
    assert stage.registry.state().holder("champion") == first
    assert len(stage.registry.activations(first)) == 2
    assert stage.registry.activations(second) == []


def activation(model: str) -> Activation:
    return Activation(
        id=new_id(), model=model, role="champion", reason="x", activated_by=CALLER, created_at="2026-01-01T00:00:00Z"
    )


def test_a_model_whose_content_has_changed_is_not_used() -> None:
    stage = Stage()
    model = stage.register()
    (key,) = stage.bucket.objects
    other = msgspec.convert({**with_metrics(), "name": "Other"}, Model)
    stage.bucket.objects[key] = msgspec.json.encode(other)

    with pytest.raises(Unavailable, match="has changed"):
        stage.registry.read(stage.registry.get(model))


def test_models_are_read_once() -> None:
    stage = Stage()
    registry = stage.registry
    records = [registry.get(stage.register()) for _ in range(9)]
    for record in records:
        registry.read(record)
    stage.bucket.objects.clear()

    assert registry.read(records[-1]).model.name == "Small"
    with pytest.raises(Unavailable):
        registry.read(records[0])


def test_models_are_listed_newest_first_and_the_samples_last() -> None:
    stage = Stage()
    ids = []
    for _ in range(3):
        ids.append(stage.register())
        stage.clock.now += 1
    expected = [*reversed(ids), *SAMPLES]

    for limit in range(1, 7):
        listed: list[str] = []
        cursor: str | None = None
        while len(listed) < len(expected):
            records, cursor = stage.registry.page(limit, cursor)
            assert len(records) <= limit
            listed += [record.id for record in records]
        assert (listed, cursor) == (expected, None)
