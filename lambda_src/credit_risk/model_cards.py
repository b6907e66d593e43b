"""What the API says of a model: its documentation, and its points as a table."""

from typing import Any

from msgspec import UNSET, UnsetType

from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.model import CardCharacteristic, MissingClass, Model, ScoreClass
from lambda_src.credit_risk.models import (
    Activation,
    Limit,
    LimitCode,
    ModelCard,
    ModelSummary,
    Scorecard,
    ScorecardCharacteristic,
    ScorecardClass,
    ScoreRange,
)
from lambda_src.credit_risk.registry import ActiveState, ModelRecord
from lambda_src.credit_risk.scorecard import MISSING, labels

# The lender's verdict: not known before it, and its meaning changes with the price list.
_PRICING = ("interestRate", "grade")
# Below this share of explained variance, a loss model knows averages only.
_MINIMUM_R2 = 0.05
_LIMITS: dict[LimitCode, str] = {
    "sample": "Trained on made-up loans: for trying out only. Train or register a model before you decide on loans.",
    "notVerified": "Its metrics and tables are what its maker says: nothing here has checked them against loans.",
    "noMetrics": "Nothing is known about its quality: it cannot be activated, and has no cut-off tables.",
    "noReference": "It does not say what it was made from: monitoring cannot tell whether the population has moved.",
    "lenderPricing": "It uses the interest rate or the grade, which are the lender's own verdict: they are not known "
    "before it, and a new price list changes their meaning.",
    "lossNotPredicted": "Its loss given default is right on average, but hardly tells loans apart.",
}


def summary(record: ModelRecord, state: ActiveState) -> ModelSummary:
    """A model in a list."""
    return ModelSummary(**summary_fields(record, state))


def summary_fields(record: ModelRecord, state: ActiveState) -> dict[str, Any]:
    """The fields of `ModelSummary`."""
    return {
        "id": record.id,
        "name": record.shown_name,
        "version": record.version,
        "status": state.status(record.id),
        "origin": record.origin,
        "sample": record.sample,
        "currency": record.currency,
        "characteristics": list(record.characteristics),
        "score_range": ScoreRange(record.minimum, record.maximum),
        "has_metrics": record.has_metrics,
        "cut_off": state.cut_off(record.id) or UNSET,
        "registered_by": record.registered_by or UNSET,
        "created_at": record.created_at,
        "training": record.training or UNSET,
    }


def model_card(
    record: ModelRecord, state: ActiveState, model: Model, activations: list[Activation], request_id: str
) -> ModelCard:
    """The documentation of a model."""
    performance = model.performance
    return ModelCard(
        **summary_fields(record, state),
        limits=[Limit(code, _LIMITS[code]) for code in _limits(record, model)],
        metrics=performance.metrics if performance else [],
        periods=performance.periods if performance else [],
        development=model.development or UNSET,
        loss_given_default=model.loss_given_default,
        exposure_at_default=model.exposure_at_default,
        default_timing=model.default_timing,
        training_ranges=model.training_ranges,
        reference_loans=model.reference.loans if model.reference else UNSET,
        activations=activations,
        request_id=request_id,
    )


def scorecard(record: ModelRecord, model: Model, request_id: str) -> Scorecard:
    """The points of a model."""
    card = model.card
    return Scorecard(
        id=record.id,
        name=record.shown_name,
        version=record.version,
        base_points=card.base_points,
        score_range=ScoreRange(card.minimum, card.maximum),
        points_to_double_odds=card.points_to_double_odds,
        probability_of_default=card.probability_of_default,
        characteristics=[_characteristic(characteristic) for characteristic in card.characteristics],
        request_id=request_id,
    )


def _characteristic(characteristic: CardCharacteristic) -> ScorecardCharacteristic:
    field, facts = CHARACTERISTICS[characteristic.name], characteristic.facts
    entries: list[tuple[str, ScoreClass | MissingClass]] = list(
        zip(labels(characteristic), characteristic.classes, strict=True)
    )
    if characteristic.missing:
        entries.append((MISSING, characteristic.missing))
    loans = sum(entry.count for _, entry in entries)
    return ScorecardCharacteristic(
        name=characteristic.name,
        path=field.path,
        unit=field.unit or UNSET,
        required=characteristic.missing is None,
        average_points=characteristic.average_points,
        information_value=facts.information_value if facts else UNSET,
        coefficient=facts.coefficient if facts else UNSET,
        standard_error=facts.standard_error if facts else UNSET,
        p_value=facts.p_value if facts else UNSET,
        classes=[
            ScorecardClass(
                label=label,
                points=entry.points,
                missing=isinstance(entry, MissingClass),
                share=_share(entry.count, loans),
                bad_rate=_share(entry.bads, entry.count),
            )
            for label, entry in entries
        ],
    )


def _share(part: int, total: int) -> float | UnsetType:
    return part / total if total else UNSET


def _limits(record: ModelRecord, model: Model) -> list[LimitCode]:
    metrics = model.performance.metrics if model.performance else []
    tested = [entry.loss_given_default_r2 for entry in metrics if entry.set != "training"]
    known = [r2 for r2 in tested if r2 is not None]
    applies: dict[LimitCode, bool] = {
        "sample": model.sample,
        "notVerified": record.origin == "registered" and bool(metrics),
        "noMetrics": not metrics,
        "noReference": model.reference is None,
        "lenderPricing": any(entry.name in _PRICING for entry in model.card.characteristics),
        "lossNotPredicted": bool(known) and max(known) < _MINIMUM_R2,
    }
    return [code for code, holds in applies.items() if holds]
