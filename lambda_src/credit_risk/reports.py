"""Monitoring reports: of a request, and daily as metrics."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import msgspec
from aws_lambda_powertools.metrics import MetricUnit

from lambda_src.credit_risk import monitoring
from lambda_src.credit_risk.counters import MILLIONTHS, Counters
from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.models import ModelRole, Monitoring, MonitoringQuery
from lambda_src.credit_risk.psi import MINIMUM_APPLICATIONS
from lambda_src.credit_risk.registry import ModelRegistry
from lambda_src.shared.context import Context, Deadline
from lambda_src.shared.errors import Conflict, InvalidRequest
from lambda_src.shared.observability import logger, metrics

_DEFAULT_DAYS = 365
# What a report answers at most: a day's item of each shard has some kilobytes.
LONGEST_DAYS = {"day": 92, "month": 1_830, "quarter": 3_660}
# Applications that the daily metrics are about.
RECENT_DAYS = 30
# Loans take years to end, and say most about their model then.
OUTCOME_DAYS = 3_660
MINIMUM_OUTCOMES = 200
ROLES: tuple[ModelRole, ...] = ("champion", "challenger")


class Reports:
    """The operation of `/monitoring`."""

    def __init__(self, registry: ModelRegistry, counters: Counters, now: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._counters = counters
        self._now = now

    def get(self, context: Context, query: MonitoringQuery) -> Monitoring:
        """Raises `InvalidRequest` for the dates, `NotFound`, `Conflict` without a model, `DeadlineExceeded`."""
        first, last = self._days(query)
        model_id = query.model or self._registry.state().holder("champion")
        if model_id is None:
            raise Conflict("no model is active")
        record = self._registry.get(model_id)
        model = self._registry.read(record).model
        rows = self._counters.read(model_id, first, last, context.deadline)
        items = [
            monitoring.report(model, period, sums) for period, sums in monitoring.by_period(rows, query.period).items()
        ]
        return Monitoring(model=record.reference, items=items, request_id=context.request_id)

    def _days(self, query: MonitoringQuery) -> tuple[str, str]:
        last = _day(query.last, "query.to") or datetime.fromtimestamp(self._now(), UTC).date()
        days = min(_DEFAULT_DAYS, LONGEST_DAYS[query.period] - 1)
        first = _day(query.first, "query.from") or last - timedelta(days=days)
        if first > last:
            raise InvalidRequest.at("query.from", "must not be after to")
        longest = LONGEST_DAYS[query.period]
        if (last - first).days >= longest:
            raise InvalidRequest.at("query.from", f"at most {longest:,} days before to, by {query.period}")
        return first.isoformat(), last.isoformat()


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of a model. PSI values are 0 when they are noise or about too few applications.

    `calibration_deviation` is the ratio or its inverse, whichever is above 1: one threshold bounds both sides.
    """

    score_psi: float | None = None
    characteristic_psi: float | None = None
    mean_probability_of_default: float | None = None
    approval_rate: float | None = None
    calibration_ratio: float | None = None

    @property
    def calibration_deviation(self) -> float | None:
        if self.calibration_ratio is None:
            return None
        return max(self.calibration_ratio, 1 / self.calibration_ratio) if self.calibration_ratio else _FAR_OFF

    def metrics(self) -> dict[str, float]:
        """Values by the metric's name."""
        values = {
            "ScorePsi": self.score_psi,
            "CharacteristicPsi": self.characteristic_psi,
            "MeanProbabilityOfDefault": self.mean_probability_of_default,
            "ApprovalRate": self.approval_rate,
            "CalibrationRatio": self.calibration_ratio,
            "CalibrationDeviation": self.calibration_deviation,
        }
        return {name: value for name, value in values.items() if value is not None}


# Stands for infinity when no loan defaulted.
_FAR_OFF = 1_000.0


def health(model: Model, recent: monitoring.Sums, outcomes: monitoring.Sums) -> Health:
    """The metrics of a model from its recent applications and from its outcomes."""
    scores = recent.scores
    applications = scores.get("n", 0)
    enough = monitoring.is_enough(scores, MINIMUM_APPLICATIONS)
    score = monitoring.score_shift(model, scores)
    shifts = [shift.signal for _, shift in monitoring.characteristic_shifts(model, scores)]
    return Health(
        score_psi=(score.signal if enough else 0.0) if score else None,
        characteristic_psi=(max(shifts) if enough else 0.0) if shifts else None,
        mean_probability_of_default=scores.get("pd", 0) / MILLIONTHS / applications if applications else None,
        approval_rate=scores.get("rec:approve", 0) / applications if applications else None,
        calibration_ratio=monitoring.calibration_ratio(outcomes.outcomes)
        if monitoring.is_enough(outcomes.outcomes, MINIMUM_OUTCOMES)
        else None,
    )


class DailyReport:
    """Puts the metrics of the models that score."""

    def __init__(self, registry: ModelRegistry, counters: Counters, now: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._counters = counters
        self._now = now

    def run(self, deadline: Deadline) -> dict[str, dict[str, float]]:
        """The metrics by role. A role without a model has none."""
        state = self._registry.state()
        answers: dict[str, dict[str, float]] = {}
        for role in ROLES:
            model_id = state.holder(role)
            if model_id is not None:
                answers[role] = self._report(model_id, deadline)
                logger.info("model monitoring", role=role, model=model_id, metrics=answers[role])
                # Alarms watch the role; the other one shows how a model did over time.
                self._emit(answers[role], role=role)
                self._emit(answers[role], model=model_id)
        return answers

    def _report(self, model_id: str, deadline: Deadline) -> dict[str, float]:
        model = self._registry.read(self._registry.get(model_id)).model
        today = datetime.fromtimestamp(self._now(), UTC).date()
        since = (today - timedelta(days=RECENT_DAYS)).isoformat()
        recent, outcomes = monitoring.Sums(), monitoring.Sums()
        first = (today - timedelta(days=OUTCOME_DAYS)).isoformat()
        for row in self._counters.read(model_id, first, (today + timedelta(days=1)).isoformat(), deadline):
            if row.subject == "outcomes":
                outcomes.add(row)
            elif row.day >= since:
                recent.add(row)
        return health(model, recent, outcomes).metrics()

    def _emit(self, values: dict[str, float], **dimensions: str) -> None:
        if not values:
            return
        for name, value in dimensions.items():
            metrics.add_dimension(name, value)
        for name, number in values.items():
            metrics.add_metric(name, MetricUnit.NoUnit, number)
        metrics.flush_metrics()


def _day(text: str | None, path: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest.at(path, "there is no such day") from None
