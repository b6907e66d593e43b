"""The format of models: JSON of some ten kilobytes that says everything a score needs. It is data, never code.

Counts are loans of the training set. The classes of a characteristic are listed in order. Those of a number or a month
have an upper bound, exclusive (`below`), but for the last; those of a category list their `values`.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from lambda_src.credit_risk.characteristics import CATEGORY, MONTH
from lambda_src.shared.schemas import NonBlank

FORMAT: Final = "credit-scorecard/1"
Basis = Literal["holdout", "outOfTime"]

_Number = Annotated[float, Meta(ge=-1e12, le=1e12)]
_Positive = Annotated[float, Meta(ge=1e-9, le=1e12)]
_Money = Annotated[float, Meta(ge=0, le=1e15)]
_Fraction = Annotated[float, Meta(ge=0, le=1)]
_Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_Points = Annotated[int, Meta(ge=-100_000, le=100_000)]
_Name = Annotated[str, Meta(min_length=1, max_length=60)]
_Category = Annotated[str, Meta(max_length=40, pattern=CATEGORY, examples=["debtConsolidation"])]
_Month = Annotated[str, Meta(max_length=7, pattern=MONTH, examples=["2011-01"])]
_Line = Annotated[NonBlank, Meta(max_length=500)]
_Values = Annotated[list[_Category], Meta(min_length=1, max_length=100)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A part of a model. What has its default is not written."""


class ScoreClass(_Part, frozen=True, kw_only=True):
    """Values with the same points."""

    below: _Number | None = None
    values: _Values | None = None
    points: _Points
    count: _Count = 0
    bads: _Count = 0


class MissingClass(_Part, frozen=True, kw_only=True):
    """The points when there is no value, or a category that no class lists."""

    points: _Points
    count: _Count = 0
    bads: _Count = 0


class Facts(_Part, frozen=True, kw_only=True):
    """What the training found about a characteristic. The coefficient is that of the weight of evidence."""

    information_value: _Number
    coefficient: _Number
    standard_error: _Number
    p_value: _Fraction


class CardCharacteristic(_Part, frozen=True, kw_only=True):
    """A characteristic with its classes. Without `missing`, an application must have it.

    `averagePoints` are the mean of the training set; reasons compare with it.
    """

    name: _Name
    classes: Annotated[list[ScoreClass], Meta(min_length=1, max_length=50)]
    missing: MissingClass | None = None
    average_points: _Number
    facts: Facts | None = None


class DefaultCurve(_Part, frozen=True, kw_only=True):
    """Probability of default = 1 / (1 + exp((score - offset) / factor))."""

    offset: _Number
    factor: _Positive


class Card(_Part, frozen=True, kw_only=True):
    """Score = base points + the points of each characteristic; more points are better."""

    base_points: _Points
    minimum: _Points
    maximum: _Points
    points_to_double_odds: _Positive
    probability_of_default: DefaultCurve
    characteristics: Annotated[list[CardCharacteristic], Meta(min_length=1, max_length=18)]


class Term(_Part, frozen=True, kw_only=True):
    """A term of a regression: a number, kept within the bounds, or 1 for a category among `values` and else 0.

    `missing` stands for a missing number.
    """

    name: _Name
    coefficient: _Number
    values: _Values | None = None
    minimum: _Number | None = None
    maximum: _Number | None = None
    missing: _Number | None = None
    standard_error: _Number | None = None
    p_value: _Fraction | None = None


class Regression(_Part, frozen=True, kw_only=True):
    """Intercept + sum of the terms. Without terms it is its mean."""

    intercept: _Number
    terms: Annotated[list[Term], Meta(max_length=40)] = []


class LossGivenDefault(_Part, frozen=True, kw_only=True):
    """Loss given default, as a fraction of the exposure: 1 - (p x rate + (1 - p) x small).

    p: probability that more than `threshold` of the exposure is recovered, a logistic regression; rate: what is
    recovered then, a linear one; `small`: the mean of the other recoveries.
    """

    threshold: _Fraction
    recovers: Regression
    rate: Regression
    small: _Fraction = 0


class DefaultShare(_Part, frozen=True, kw_only=True):
    """The share of the defaults of loans with this term that happens within 12 months."""

    term_months: Annotated[int, Meta(ge=1, le=1_200)]
    share: _Fraction


class Range(_Part, frozen=True, kw_only=True):
    """The values of a number in the training set."""

    minimum: _Number
    maximum: _Number


class Reference(_Part, frozen=True, kw_only=True):
    """The training set, for comparing populations: deciles of its scores. A band ends below its bound."""

    loans: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    band_bounds: Annotated[list[_Points], Meta(min_length=1, max_length=49)]
    band_counts: Annotated[list[_Count], Meta(min_length=2, max_length=50)]


_Counts = Annotated[list[_Count], Meta(min_length=1, max_length=2_000)]
_Amounts = Annotated[list[_Money], Meta(min_length=1, max_length=2_000)]


class Histogram(_Part, frozen=True, kw_only=True):
    """Finished loans by score: band i has the scores from first + i x width, exclusive of the next band's.

    `amounts`: lent; `expectedLosses`: as the model predicts them; `losses`: what was lost. Money.
    """

    first: _Points
    width: Annotated[int, Meta(ge=1, le=1_000)]
    goods: _Counts
    bads: _Counts
    amounts: _Amounts
    expected_losses: _Amounts
    losses: _Amounts


class CalibrationBand(_Part, frozen=True, kw_only=True):
    """Loans of neighboring scores, the band's bounds included: how many were bad, and the mean that was predicted."""

    lowest: _Points
    highest: _Points
    loans: _Count
    bads: _Count
    predicted: _Fraction


class Pair(_Part, frozen=True, kw_only=True):
    """A mean over the defaulted loans, as predicted and as observed."""

    predicted: _Fraction
    observed: _Fraction


_Auroc = Annotated[float, Meta(ge=0, le=1)]
Set = Literal["training", "holdout", "outOfTime", "later"]


class Metrics(_Part, frozen=True, kw_only=True):
    """How the model does on a set of finished loans. Loss rates are fractions of the amount lent."""

    set: Set
    first: _Month
    last: _Month
    loans: _Count
    bads: _Count
    mean_probability_of_default: _Fraction
    auroc: _Auroc
    ks: _Fraction
    expected_loss_rate: _Fraction
    loss_rate: _Fraction
    recovers_auroc: _Auroc | None = None
    loss_given_default: Pair | None = None
    loss_given_default_r2: _Number | None = None
    credit_conversion_factor: Pair | None = None
    credit_conversion_factor_r2: _Number | None = None
    exposure_r2: _Number | None = None
    score_psi: _Number | None = None
    calibration: Annotated[list[CalibrationBand], Meta(max_length=50)] = []


class CharacteristicShift(_Part, frozen=True, kw_only=True):
    """How far a characteristic moved from the training set."""

    name: _Name
    psi: _Number


class Period(_Part, frozen=True, kw_only=True):
    """A quarter of the loans made after the training set, such as 2011Q1."""

    period: Annotated[str, Meta(max_length=6, pattern="^[0-9]{4}Q[1-4]$", examples=["2011Q1"])]
    loans: _Count
    bads: _Count
    mean_probability_of_default: _Fraction
    auroc: _Auroc | None = None
    score_psi: _Number
    characteristics: Annotated[list[CharacteristicShift], Meta(max_length=18)]


class Dropped(_Part, frozen=True, kw_only=True):
    """A characteristic that the card does not use, and why."""

    name: _Name
    reason: Literal["excluded", "informationValue", "pValue", "sign", "blank", "oneClass"]
    value: _Number | None = None


class Development(_Part, frozen=True, kw_only=True):
    """Where the model is from. `data`: the SHA-256 of the file; `rejected`: its rows that could not be used."""

    data: Annotated[str, Meta(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$", examples=["0f" * 32])]
    rows: _Count
    rejected: _Count
    test_from: _Month
    split: _Line
    definitions: Annotated[dict[_Name, _Line], Meta(max_length=20)]
    maximum_p_value: _Fraction
    minimum_information_value: _Fraction
    dropped: Annotated[list[Dropped], Meta(max_length=40)] = []


class Performance(_Part, frozen=True, kw_only=True):
    """What is known about the model's quality. Without it, there are no cut-off tables."""

    holdout: Histogram | None = None
    out_of_time: Histogram | None = None
    metrics: Annotated[list[Metrics], Meta(max_length=20)] = []
    periods: Annotated[list[Period], Meta(max_length=200)] = []


class Model(_Part, frozen=True, kw_only=True):
    """A scorecard with everything for a score, its expected loss and its supervision."""

    format: Literal["credit-scorecard/1"]
    name: Annotated[NonBlank, Meta(max_length=100)]
    sample: bool = False
    currency: Annotated[str, Meta(min_length=3, max_length=3, pattern="^[A-Z]{3}$", examples=["USD"])]
    card: Card
    loss_given_default: LossGivenDefault
    exposure_at_default: Regression
    default_timing: Annotated[list[DefaultShare], Meta(max_length=50)] = []
    training_ranges: Annotated[dict[_Name, Range], Meta(max_length=18)] = {}
    reference: Reference | None = None
    performance: Performance | None = None
    development: Development | None = None


def encode(model: Model) -> bytes:
    """The model as JSON: the same bytes for the same model."""
    return msgspec.json.encode(model)
