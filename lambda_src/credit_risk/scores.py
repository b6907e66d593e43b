"""Scores as their callers get them, and persons' reviews of them."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from lambda_src.credit_risk.active import ActiveModels
from lambda_src.credit_risk.counters import (
    Counters,
    Counts,
    ScoreFacts,
    Subject,
    review_counts,
    score_counts,
    segment_counts,
)
from lambda_src.credit_risk.models import (
    CreateReview,
    CreateScore,
    ListedScore,
    Recommendation,
    Review,
    ReviewCreated,
    Score,
    ScoreAnswer,
    ScoreDetails,
    ScoreList,
)
from lambda_src.credit_risk.score_store import ScoreRecord, ScoreStore
from lambda_src.credit_risk.scorecard import InputError, Result
from lambda_src.credit_risk.scoring import (
    ModelInForce,
    ShadowScore,
    application_date,
    recommend,
    score_of,
    shadow_of,
    values_of,
)
from lambda_src.shared.context import Context
from lambda_src.shared.errors import ApiError, InvalidRequest
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.inert_text import inert_text
from lambda_src.shared.observability import count, logger
from lambda_src.shared.schemas import ListQuery


class Scores:
    """The operations of the routes below `/scores`."""

    def __init__(
        self,
        active: ActiveModels,
        store: ScoreStore,
        counters: Counters,
        *,
        retention_months: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._active = active
        self._store = store
        self._counters = counters
        self._retention_months = retention_months
        self._now = now

    def create(self, context: Context, body: CreateScore) -> ScoreAnswer:
        """Scores an application. The record is written before the answer.

        Raises `InvalidRequest` for what cannot be scored, `Conflict` when no model is active, `Unavailable`.
        """
        now = self._now()
        try:
            day = application_date(body.application_date, now)
        except ValueError as error:
            raise InvalidRequest.at("body.applicationDate", str(error)) from error
        model, challenger = self._active.find()
        values = values_of(body.applicant, body.loan)
        try:
            result = model.scorecard.score(values, day[:7])
        except InputError as error:
            raise InvalidRequest.at(f"body.{error.path}", error.reason) from error
        score = score_of(
            result,
            model,
            score_id=new_id(int(now * 1000)),
            language=body.language,
            application_date=day,
            created_at=timestamp(now),
            application_id=body.application_id,
            segment=body.segment,
        )
        shadow = _shadow(values, day[:7], challenger)
        record = ScoreRecord(
            score=score,
            applicant=body.applicant,
            loan=body.loan,
            language=body.language,
            shadow=shadow[1] if shadow else None,
        )
        answer = ScoreAnswer(**_fields(score), request_id=context.request_id)
        self._store.create(
            context.caller,
            record,
            facts_of(score, model, body.loan.amount),
            self._store.expires_at(self._retention_months),
            context.idempotency.completion_writes(answer),
        )
        self._count(model, day, result, values, body.segment)
        if shadow:
            self._count(shadow[0], day, shadow[2], values, None)
        count(Scores=1)
        return answer

    def list(self, context: Context, query: ListQuery) -> ScoreList:
        """The caller's scores, newest first."""
        scores, cursor = self._store.page(context.caller, query.limit, query.cursor)
        items = [ListedScore(**_fields(stored.record.score), review=stored.review or UNSET) for stored in scores]
        return ScoreList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get(self, context: Context, score_id: str) -> ScoreDetails:
        """A score with its application and its reviews. Raises `NotFound`."""
        record = self._store.get(context.caller, score_id).record
        return ScoreDetails(
            **_fields(record.score),
            applicant=record.applicant,
            loan=record.loan,
            language=record.language,
            reviews=[_inert(review) for review in self._store.reviews(score_id)],
            request_id=context.request_id,
        )

    def review(self, context: Context, score_id: str, body: CreateReview) -> ReviewCreated:
        """Records a review. Raises `NotFound`, `InvalidRequest` for a decision that contradicts the outcome, and
        `Conflict` for two at the same time."""
        stored = self._store.get(context.caller, score_id)
        _check_decision(body, stored.record.score.recommendation)
        now = self._now()
        review = Review(
            id=new_id(int(now * 1000)),
            outcome=body.outcome,
            decision=body.decision or UNSET,
            reason=body.reason,
            reviewed_by=context.caller,
            created_at=timestamp(now),
        )
        answer = ReviewCreated(**_fields(_inert(review)), score_id=score_id, request_id=context.request_id)
        writes = context.idempotency.completion_writes(answer)
        self._store.add_review(context.caller, score_id, stored, review, writes)
        before = stored.review.outcome if stored.review else None
        overturned = int(body.outcome == "overturned") - int(before == "overturned")
        score = stored.record.score
        counts = review_counts(first=stored.review is None, overturned=overturned)
        self._add(score.model.id, score.application_date, "scores", counts)
        return answer

    def _count(
        self, model: ModelInForce, day: str, result: Result, values: dict[str, Any], segment: str | None
    ) -> None:
        recommendation = recommend(result, model.cut_off)
        self._add(model.reference.id, day, "scores", score_counts(model.scorecard, result, recommendation, values))
        if segment:
            self._add(model.reference.id, day, "segments", segment_counts(segment, recommendation))

    def _add(self, model: str, day: str, subject: Subject, counts: Counts) -> None:
        """The score is written: a lost count must not make the caller send it again."""
        if not counts:
            return
        try:
            self._counters.add(model, day, subject, counts)
        except ApiError as error:
            logger.warning("counters not raised", subject=subject, error=type(error).__name__)


def _shadow(
    values: dict[str, Any], month: str, challenger: ModelInForce | None
) -> tuple[ModelInForce, ShadowScore, Result] | None:
    """What the challenger says; None without one, or if it needs a field that the application lacks."""
    if challenger is None:
        return None
    try:
        shadow, result = shadow_of(values, month, challenger)
    except InputError:
        count(ShadowScoresMissed=1)
        return None
    return challenger, shadow, result


def facts_of(score: Score, model: ModelInForce, amount: float) -> ScoreFacts:
    """What an outcome of the application is compared with."""
    return ScoreFacts(
        score_id=score.id,
        model=model.reference.id,
        date=score.application_date,
        score=score.score,
        probability_of_default=score.probability_of_default,
        loss_given_default=score.loss_given_default,
        exposure=score.exposure_at_default,
        expected_loss=score.expected_loss,
        amount=amount,
    )


def _check_decision(review: CreateReview, recommendation: Recommendation) -> None:
    if review.decision is None or recommendation == "refer":
        return
    if (review.decision == recommendation) != (review.outcome == "upheld"):
        raise InvalidRequest.at(
            "body.decision", f"the recommendation is {recommendation}: {review.decision} does not fit {review.outcome}"
        )


def _inert(review: Review) -> Review:
    return msgspec.structs.replace(review, reason=inert_text(review.reason))


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}
