"""Request and response types of credit risk.

Probabilities, factors and rates of results are fractions; percentages in applications are numbers of percent. Money is
in the currency of the model. Bounds are those of `characteristics.CHARACTERISTICS`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lambda_src.credit_risk.characteristics import CATEGORY, MONTH
from lambda_src.credit_risk.cut_offs import CutOffRow, Ks
from lambda_src.credit_risk.measures import CurvePoint
from lambda_src.credit_risk.model import (
    DefaultCurve,
    DefaultShare,
    Development,
    LossGivenDefault,
    Metrics,
    Period,
    Range,
    Regression,
)
from lambda_src.credit_risk.psi import Level
from lambda_src.credit_risk.reasons import Language
from lambda_src.shared.schemas import ListQuery, ModelId, NonBlank, RequestModel, ResponseModel, Secret, Upload, Usage

Id = Annotated[
    str,
    Meta(
        min_length=36,
        max_length=36,
        pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        examples=["0199b2c4-5d1e-7c3a-9f42-6b8f0d2a7e11"],
    ),
]
# In Python, `$` also matches before a last line break.
Date = Annotated[
    str,
    Meta(
        min_length=10,
        max_length=10,
        pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$(?!\n)",
        examples=["2026-01-15"],
    ),
]
Month = Annotated[str, Meta(min_length=7, max_length=7, pattern=MONTH, examples=["1999-03"])]
Category = Annotated[str, Meta(min_length=1, max_length=40, pattern=CATEGORY, examples=["debtConsolidation"])]
# The caller's own number of an application: no place for names of persons.
ApplicationId = Annotated[
    str,
    Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$(?!\n)", examples=["A-2026-000123"]),
]
Segment = Annotated[
    str,
    Meta(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$(?!\n)", examples=["branch-12"]),
]
Digest = Annotated[str, Meta(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$")]
Name = Annotated[NonBlank, Meta(max_length=100)]
Reason = Annotated[NonBlank, Meta(max_length=1_000)]
CutOff = Annotated[int, Meta(ge=-100_000, le=100_000, examples=[650])]
Rate = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=1_000)]
Accounts = Annotated[int, Meta(ge=0, le=10_000)]
Money = Annotated[float, Meta(ge=0, le=1_000_000_000)]
Percent = Annotated[float, Meta(ge=0, le=1_000)]

# The answer of the cut-offs. What to do is decided by the bank, so it is never called a decision.
Recommendation = Literal["approve", "refer", "decline"]
ModelRole = Literal["champion", "challenger", "retired"]
# `candidate`: never activated. `retired`: was active before.
ModelStatus = Literal["candidate", "champion", "challenger", "retired"]
Origin = Literal["sample", "registered", "trained"]
Basis = Literal["holdout", "outOfTime", "production"]
PeriodLength = Literal["day", "month", "quarter"]


# --- Applications and scores


class Applicant(RequestModel, kw_only=True):
    """The applicant at the time of application. What is left out is scored as missing where the model has a rule.

    `employmentYears`: 10 means ten or more. `debtToIncome`, `revolvingUtilization`: percent. `earliestCreditLine`: the
    month in which the oldest account of the credit report was opened.
    """

    annual_income: Money | None = None
    employment_years: Annotated[float, Meta(ge=0, le=80)] | None = None
    home_ownership: Category | None = None
    income_verification: Category | None = None
    debt_to_income: Percent | None = None
    delinquencies_2_years: Count | None = msgspec.field(default=None, name="delinquencies2Years")
    inquiries_6_months: Count | None = msgspec.field(default=None, name="inquiries6Months")
    open_accounts: Accounts | None = None
    total_accounts: Accounts | None = None
    public_records: Count | None = None
    revolving_balance: Money | None = None
    revolving_utilization: Percent | None = None
    earliest_credit_line: Month | None = None


class Loan(RequestModel, kw_only=True):
    """The loan applied for. `interestRate`: percent a year."""

    amount: Annotated[float, Meta(ge=500, le=1_000_000)]
    term_months: Annotated[int, Meta(ge=6, le=120)]
    purpose: Category | None = None
    interest_rate: Percent | None = None
    grade: Category | None = None


class CreateScore(RequestModel, kw_only=True):
    """An application. `applicationId` is the caller's own; outcomes refer to it.

    `applicationDate` decides the period in monitoring, by default today in UTC. `segment` is for the group report only
    and no input of a card. `language` is that of the reasons.
    """

    applicant: Applicant
    loan: Loan
    application_id: ApplicationId | None = None
    application_date: Date | None = None
    language: Language = "en"
    segment: Segment | None = None


class ScoreRange(ResponseModel):
    """The scores that the card can give."""

    min: int
    max: int


class ScoreCutOff(RequestModel):
    """Scores from `approve` on are recommended for approval, those below `refer` for decline, others for a person."""

    approve: CutOff
    refer: CutOff


class ScoreReason(ResponseModel):
    """Why the score is not higher, as a sentence from a fixed table: points of a characteristic below the average."""

    code: str
    characteristic: str
    text: str
    points_below_average: float


class CharacteristicPoints(ResponseModel):
    """What a characteristic adds to the base points. `averagePoints` are those of the training set."""

    characteristic: str
    label: str = msgspec.field(name="class")
    points: int
    average_points: float
    missing: bool


class ScoreWarning(ResponseModel):
    """What limits the score's meaning: a value that the training data did not have. With `outOfRange`, the
    recommendation is `refer` whatever the score."""

    code: Literal["outOfRange", "unknownCategory"]
    path: str


class ModelReference(ResponseModel):
    """The model that gave the score. `version`: the first characters of the digest of its content."""

    id: str
    name: str
    version: str
    sample: bool = False


class Score(ResponseModel, kw_only=True):
    """A score with everything that explains it. `currency` is that of the money."""

    id: str
    application_id: str | UnsetType = UNSET
    application_date: str
    score: int
    score_range: ScoreRange
    probability_of_default: Rate
    probability_of_default_12_months: Rate | UnsetType = msgspec.field(
        default=UNSET, name="probabilityOfDefault12Months"
    )
    loss_given_default: Rate
    credit_conversion_factor: Rate
    exposure_at_default: float
    expected_loss: float
    expected_loss_rate: Rate
    currency: str
    recommendation: Recommendation
    cut_off: ScoreCutOff
    reasons: list[ScoreReason]
    base_points: int
    points: list[CharacteristicPoints]
    warnings: list[ScoreWarning] = []
    model: ModelReference
    segment: str | UnsetType = UNSET
    created_at: str


class ScoreAnswer(Score, kw_only=True):
    request_id: str


ReviewOutcome = Literal["upheld", "overturned"]
Decision = Literal["approve", "decline"]


class NewestReview(ResponseModel):
    """How a score's newest review ended, and the decision if it was recorded."""

    outcome: ReviewOutcome
    decision: Decision | UnsetType = UNSET


class ListedScore(Score, kw_only=True):
    """`review` is that of a person, if there is any."""

    review: NewestReview | UnsetType = UNSET


class ScoreList(ResponseModel, kw_only=True):
    items: list[ListedScore]
    next_cursor: str | UnsetType = UNSET
    request_id: str


class Review(ResponseModel, kw_only=True):
    """A person's review of a score. `upheld`: the recommendation stands; `overturned`: it does not.

    `decision` is what the person decided about the application.
    """

    id: str
    outcome: ReviewOutcome
    decision: Decision | UnsetType = UNSET
    reason: str
    reviewed_by: str
    created_at: str


class ScoreDetails(Score, kw_only=True):
    """A score with its application and its reviews, newest first. `language` is that of its reasons."""

    applicant: Applicant
    loan: Loan
    language: Language
    reviews: list[Review]
    request_id: str


class CreateReview(RequestModel):
    """A review by a person, who is the caller.

    A `decision` must fit the outcome: it is the recommended one if that is upheld, and the other if it is overturned.
    Of an application that is referred to a person, either fits both.
    """

    outcome: ReviewOutcome
    reason: Reason
    decision: Decision | None = None


class ReviewCreated(Review, kw_only=True):
    """`scoreId` is the score that was reviewed."""

    score_id: str
    request_id: str


class CreateLetter(RequestModel):
    """A letter about the reasons of a score, by default in the language of its reasons."""

    language: Language | None = None
    model: ModelId | None = None


class LetterReason(ResponseModel):
    """A reason of the score, as the fixed table states it."""

    code: str
    text: str


class Letter(ResponseModel, kw_only=True):
    """A draft for a person to check. `text` has the sentences of `reasons`, each followed by the model's explanation;
    paragraphs are separated by an empty line."""

    score_id: str
    language: Language
    text: str
    reasons: list[LetterReason]
    model: str
    usage: Usage
    created_at: str
    request_id: str


# --- Files: applications to score, outcomes, loans to train with

BatchPurpose = Literal["scoring", "outcomes", "training"]
BatchStatus = Literal["awaitingUpload", "processing", "ready", "failed", "deleting"]


class CreateBatch(RequestModel, kw_only=True):
    """A CSV or CSV.gz file to upload. With `sha256` (hexadecimal) it is verified. `language`: of the reasons."""

    name: Name
    purpose: BatchPurpose
    bytes: Annotated[int, Meta(ge=1, le=104_857_600)] | None = None
    sha256: Digest | None = None
    language: Language = "en"


class BatchCreated(ResponseModel):
    id: str
    status: BatchStatus
    upload: Upload
    request_id: str


class BatchSummary(ResponseModel, kw_only=True):
    """Of a batch's scores. `exposure` is the sum at default; both sums are in the model's currency."""

    approval_rate: Rate
    mean_score: float
    mean_probability_of_default: Rate
    expected_loss: float
    exposure: float
    currency: str


class File(ResponseModel):
    """A file to download. The URL works until `urlExpiresAt`."""

    url: Secret
    url_expires_at: str


class Failure(ResponseModel):
    """Why the work failed, and what to do."""

    code: str
    message: str


class Batch(ResponseModel, kw_only=True):
    """A file and the progress of its work. `rows`: data rows; `rowsDone` includes the rejected ones.

    `results`: the scores, as CSV; `rejected`: the rows that could not be used, with line and reason.
    """

    id: str
    name: str
    purpose: BatchPurpose
    status: BatchStatus
    created_at: str
    updated_at: str
    rows: int | UnsetType = UNSET
    rows_done: int | UnsetType = UNSET
    rows_rejected: int | UnsetType = UNSET
    summary: BatchSummary | UnsetType = UNSET
    model: ModelReference | UnsetType = UNSET
    results: File | UnsetType = UNSET
    rejected: File | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


class BatchAnswer(Batch, kw_only=True):
    request_id: str


class BatchQuery(ListQuery):
    """Batches of one purpose, or of all."""

    purpose: BatchPurpose | None = None


class BatchList(ResponseModel, kw_only=True):
    items: list[Batch]
    next_cursor: str | UnsetType = UNSET
    request_id: str


class DeletedBatch(ResponseModel):
    """The batch is no longer used, and deleted within minutes."""

    id: str
    status: BatchStatus
    request_id: str


# --- Trainings

TrainingStatus = Literal["waiting", "running", "ready", "failed"]
TrainingStepName = Literal["reading", "classing", "selecting", "losses", "measuring"]


class Scale(RequestModel):
    """The range of the scores."""

    min: Annotated[int, Meta(ge=0, le=100_000)] = 300
    max: Annotated[int, Meta(ge=0, le=100_000)] = 850


class CreateTraining(RequestModel, kw_only=True):
    """A model to train with a batch of purpose `training`.

    `exclude`: characteristics that the model may not use. Loans made from the month `testFrom` on are for the test
    only, by default those of the data's last twelve months.
    """

    batch: Id
    name: Name
    currency: Annotated[str, Meta(min_length=3, max_length=3, pattern="^[A-Z]{3}$", examples=["USD"])] = "USD"
    exclude: Annotated[list[Annotated[str, Meta(min_length=1, max_length=60)]], Meta(max_length=18)] = []
    scale: Scale = msgspec.field(default_factory=Scale)
    maximum_p_value: Annotated[float, Meta(gt=0, le=1)] = 0.05
    minimum_information_value: Annotated[float, Meta(ge=0, le=1)] = 0.01
    test_from: Month | None = None


class TrainingStep(ResponseModel):
    name: TrainingStepName
    status: Literal["waiting", "running", "done"]


class Training(ResponseModel, kw_only=True):
    """A training and its progress. `model`: the id of the candidate that it made."""

    id: str
    name: str
    batch: str
    status: TrainingStatus
    steps: list[TrainingStep]
    created_by: str
    created_at: str
    updated_at: str
    model: str | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


class TrainingAnswer(Training, kw_only=True):
    request_id: str


class TrainingList(ResponseModel, kw_only=True):
    items: list[Training]
    next_cursor: str | UnsetType = UNSET
    request_id: str


# --- Models


class ModelSummary(ResponseModel, kw_only=True):
    """A model of the stage. `cutOff` is in force while it is champion or challenger.

    `sample`: trained on made-up loans, for trying out only. `registeredBy` is absent for those that the stage has
    from the start.
    """

    id: str
    name: str
    version: str
    status: ModelStatus
    origin: Origin
    sample: bool = False
    currency: str
    characteristics: list[str]
    score_range: ScoreRange
    has_metrics: bool
    cut_off: ScoreCutOff | UnsetType = UNSET
    registered_by: str | UnsetType = UNSET
    created_at: str
    training: str | UnsetType = UNSET


class ModelList(ResponseModel, kw_only=True):
    """`champion` answers, `challenger` is scored next to it; absent when there is none."""

    items: list[ModelSummary]
    champion: str | UnsetType = UNSET
    challenger: str | UnsetType = UNSET
    next_cursor: str | UnsetType = UNSET
    request_id: str


class ModelCreated(ModelSummary, kw_only=True):
    request_id: str


LimitCode = Literal["sample", "notVerified", "noMetrics", "noReference", "lenderPricing", "lossNotPredicted"]


class Limit(ResponseModel):
    """What the model cannot do, or must not be used for."""

    code: LimitCode
    message: str


class Activation(ResponseModel, kw_only=True):
    """Who gave a model a role, when and why. `previous`: the model that had the role before."""

    id: str
    model: str
    role: ModelRole
    cut_off: ScoreCutOff | UnsetType = UNSET
    reason: str
    activated_by: str
    previous: str | UnsetType = UNSET
    created_at: str


class ModelCard(ModelSummary, kw_only=True):
    """The documentation of a model: where it is from, how good it is, its limits, who activated it (newest first)."""

    limits: list[Limit]
    metrics: list[Metrics]
    periods: list[Period]
    development: Development | UnsetType = UNSET
    loss_given_default: LossGivenDefault
    exposure_at_default: Regression
    default_timing: list[DefaultShare]
    training_ranges: dict[str, Range]
    reference_loans: int | UnsetType = UNSET
    activations: list[Activation]
    request_id: str


class ScorecardClass(ResponseModel, kw_only=True):
    """`share` of the training set and its default rate; absent where the model does not say."""

    label: str = msgspec.field(name="class")
    points: int
    missing: bool = False
    share: Rate | UnsetType = UNSET
    bad_rate: Rate | UnsetType = UNSET


class ScorecardCharacteristic(ResponseModel, kw_only=True):
    """A characteristic with its classes, and what the training found about it. `path`: where a request has it."""

    name: str
    path: str
    unit: str | UnsetType = UNSET
    required: bool
    average_points: float
    information_value: float | UnsetType = UNSET
    coefficient: float | UnsetType = UNSET
    standard_error: float | UnsetType = UNSET
    p_value: float | UnsetType = UNSET
    classes: list[ScorecardClass]


class Scorecard(ResponseModel, kw_only=True):
    """Score = base points + the points of each characteristic; PD = 1 / (1 + exp((score - offset) / factor))."""

    id: str
    name: str
    version: str
    base_points: int
    score_range: ScoreRange
    points_to_double_odds: float
    probability_of_default: DefaultCurve
    characteristics: list[ScorecardCharacteristic]
    request_id: str


class CutOffQuery(RequestModel):
    """`step`: points between the rows. `basis`: the loans to count; `production` are those with known outcomes."""

    step: Annotated[int, Meta(ge=1, le=1_000)] = 10
    basis: Basis = "holdout"


class CutOffs(ResponseModel, kw_only=True):
    """What each cut-off does, with the points of the ROC and KS curves. `cutOff` is the one in force."""

    items: list[CutOffRow]
    ks: Ks
    curve: list[CurvePoint]
    basis: Basis
    loans: int
    cut_off: ScoreCutOff | UnsetType = UNSET
    request_id: str


class Simulate(RequestModel, kw_only=True):
    """Exactly one of `cutOff`, `approvalRate`, `maximumBadRate` and `maximumExpectedLossRate`.

    `margin`: income before losses, as a fraction of the amount lent.
    """

    cut_off: CutOff | None = None
    approval_rate: Rate | None = None
    maximum_bad_rate: Rate | None = None
    maximum_expected_loss_rate: Rate | None = None
    basis: Basis = "holdout"
    margin: Annotated[float, Meta(ge=-1, le=10)] | None = None


class Simulation(ResponseModel, kw_only=True):
    """The cut-off that fits, and the approving one in force; absent when the model is not active."""

    simulated: CutOffRow
    current: CutOffRow | UnsetType = UNSET
    basis: Basis
    loans: int
    request_id: str


class Activate(RequestModel, kw_only=True):
    """A role for a model. `cutOff` is required unless it is retired."""

    role: ModelRole
    cut_off: ScoreCutOff | None = None
    reason: Reason


class ActivationCreated(Activation, kw_only=True):
    request_id: str


# --- Monitoring


class MonitoringQuery(RequestModel):
    """`model`: by default the champion. `from` and `to` are included, by default the last twelve months."""

    model: Id | None = None
    first: Date | None = msgspec.field(default=None, name="from")
    last: Date | None = msgspec.field(default=None, name="to")
    period: PeriodLength = "month"


class ClassCount(ResponseModel):
    """A class of a characteristic: its share of the training set, and of the period's applications."""

    label: str = msgspec.field(name="class")
    expected: Rate
    actual: Rate


class CharacteristicMonitoring(ResponseModel):
    """How far a characteristic moved (CSI). Above `noise` chance does not explain it."""

    name: str
    psi: float
    noise: float
    level: Level
    classes: list[ClassCount]


class BandCount(ResponseModel):
    """A score band up to, but not including, `below`: its shares as in `ClassCount`. The last has no `below`."""

    expected: Rate
    actual: Rate
    below: int | UnsetType = UNSET


class Comparison(ResponseModel):
    """A mean as the model predicted it, and as it was."""

    predicted: float
    observed: float


class CalibrationRow(ResponseModel, kw_only=True):
    """Predicted and observed default rate of a band of scores. `fits`: chance may explain the difference (95 %)."""

    band: str
    loans: int
    predicted: Rate
    observed: Rate
    interval: tuple[float, float]
    fits: bool


class OutcomeMonitoring(ResponseModel, kw_only=True):
    """Loans with known outcome, by the period of their application. AUROC, Gini and KS need a good and a bad one.

    `lossGivenDefault` is of the exposure, weighted by it; `exposure` the mean at default, in money; both of defaults
    with known amounts.
    """

    count: int
    bads: int
    bad_rate: Rate
    mean_probability_of_default: Rate
    auroc: float | UnsetType = UNSET
    auroc_interval: tuple[float, float] | UnsetType = UNSET
    gini: float | UnsetType = UNSET
    ks: float | UnsetType = UNSET
    calibration: list[CalibrationRow]
    loss_given_default: Comparison | UnsetType = UNSET
    exposure: Comparison | UnsetType = UNSET


class SegmentMonitoring(ResponseModel):
    """A group of applications. `ratio`: its approval rate by that of the group with the highest; those with few
    applications do not count as highest."""

    segment: str
    applications: int
    approval_rate: Rate
    ratio: float | UnsetType = UNSET


class MonitoringPeriod(ResponseModel, kw_only=True):
    """What the model did in a period. PSI values need a model with reference. `level`: that of the scores."""

    period: str
    applications: int
    score_psi: float | UnsetType = UNSET
    noise: float | UnsetType = UNSET
    level: Level = "stable"
    bands: list[BandCount] = []
    characteristics: list[CharacteristicMonitoring] = []
    mean_score: float | UnsetType = UNSET
    mean_probability_of_default: Rate | UnsetType = UNSET
    approval_rate: Rate | UnsetType = UNSET
    recommendations: dict[Recommendation, int] = {}
    override_rate: Rate | UnsetType = UNSET
    reviews: int = 0
    missing_rates: dict[str, Rate] = {}
    outcomes: OutcomeMonitoring | UnsetType = UNSET
    segments: list[SegmentMonitoring] | UnsetType = UNSET


class Monitoring(ResponseModel, kw_only=True):
    """The periods in ascending order; those without application or outcome are left out."""

    model: ModelReference
    items: list[MonitoringPeriod]
    request_id: str
