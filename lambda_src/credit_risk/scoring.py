"""A score as the API answers it: what the engine says of an application, with a recommendation."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET

from lambda_src.credit_risk.models import (
    Applicant,
    CharacteristicPoints,
    Loan,
    ModelReference,
    Recommendation,
    Score,
    ScoreCutOff,
    ScoreRange,
    ScoreReason,
    ScoreWarning,
)
from lambda_src.credit_risk.reasons import Language
from lambda_src.credit_risk.scorecard import Result, Scorecard

# Where the calendar is furthest ahead of UTC it is a day later.
_FURTHEST_EAST = timedelta(hours=14)


class ModelInForce(msgspec.Struct, frozen=True):
    """A model that scores, and its cut-offs."""

    reference: ModelReference
    scorecard: Scorecard
    cut_off: ScoreCutOff


class ShadowScore(msgspec.Struct, frozen=True, rename="camel"):
    """What the challenger would have answered. It is stored, never answered."""

    model: ModelReference
    score: int
    probability_of_default: float
    expected_loss: float
    recommendation: Recommendation


def values_of(applicant: Applicant, loan: Loan) -> dict[str, Any]:
    """The fields of an application by the names of `characteristics.CHARACTERISTICS`; None where there is no value."""
    return {**msgspec.to_builtins(applicant), **msgspec.to_builtins(loan)}


def recommend(result: Result, cut_off: ScoreCutOff) -> Recommendation:
    """What the cut-offs say of a score. Beyond the training data, a score says little: a person looks at it."""
    if any(warning.code == "outOfRange" for warning in result.warnings):
        return "refer"
    if result.score >= cut_off.approve:
        return "approve"
    return "refer" if result.score >= cut_off.refer else "decline"


def score_of(
    result: Result,
    model: ModelInForce,
    *,
    score_id: str,
    language: Language,
    application_date: str,
    created_at: str,
    application_id: str | None = None,
    segment: str | None = None,
) -> Score:
    """The API's form of a result."""
    card = model.scorecard.model.card
    within_a_year = result.probability_of_default_12_months
    return Score(
        id=score_id,
        application_id=application_id or UNSET,
        application_date=application_date,
        score=result.score,
        score_range=ScoreRange(card.minimum, card.maximum),
        probability_of_default=_fraction(result.probability_of_default),
        probability_of_default_12_months=UNSET if within_a_year is None else _fraction(within_a_year),
        loss_given_default=_fraction(result.loss_given_default),
        credit_conversion_factor=_fraction(result.credit_conversion_factor),
        exposure_at_default=_money(result.exposure_at_default),
        expected_loss=_money(result.expected_loss),
        expected_loss_rate=_fraction(result.expected_loss_rate),
        currency=model.scorecard.model.currency,
        recommendation=recommend(result, model.cut_off),
        cut_off=model.cut_off,
        reasons=[
            ScoreReason(reason.code, reason.characteristic, reason.text(language), _points(reason.points_below_average))
            for reason in result.reasons
        ],
        base_points=result.base_points,
        points=[
            CharacteristicPoints(
                entry.characteristic, entry.label, entry.points, _points(entry.average_points), entry.missing
            )
            for entry in result.points
        ],
        warnings=[ScoreWarning(warning.code, warning.path) for warning in result.warnings],
        model=model.reference,
        segment=segment or UNSET,
        created_at=created_at,
    )


def shadow_of(values: Mapping[str, Any], month: str, model: ModelInForce) -> tuple[ShadowScore, Result]:
    """What a challenger makes of an application. Raises `InputError` as `Scorecard.score` does."""
    result = model.scorecard.score(values, month)
    shadow = ShadowScore(
        model.reference,
        result.score,
        result.probability_of_default,
        result.expected_loss,
        recommend(result, model.cut_off),
    )
    return shadow, result


def _fraction(number: float) -> float:
    return round(number, 6)


def _money(amount: float) -> float:
    return round(amount, 2)


def _points(points: float) -> float:
    return round(points, 1)


def application_date(given: str | None, now: float) -> str:
    """The date of an application (YYYY-MM-DD), by default today in UTC. Raises `ValueError`, which says why."""
    today = datetime.fromtimestamp(now, UTC)
    if given is None:
        return today.date().isoformat()
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise ValueError("there is no such day") from None
    if day > (today + _FURTHEST_EAST).date():
        raise ValueError("is in the future")
    return given
