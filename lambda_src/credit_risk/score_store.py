"""The stored scores, with their applications and reviews.

A score (`scores#<caller>`, `<id>`) belongs to its caller and expires with its reviews (`reviews#<score id>`, `<id>`).
`applications#<caller>`, `<application id>` has what an outcome of the newest score of an application is compared with.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from lambda_src.credit_risk.counters import ScoreFacts
from lambda_src.credit_risk.models import Applicant, Loan, NewestReview, Review, Score
from lambda_src.credit_risk.reasons import Language
from lambda_src.credit_risk.scoring import ShadowScore
from lambda_src.shared import aws
from lambda_src.shared.errors import Conflict, InProgress, NotFound
from lambda_src.shared.idempotency import RETRY_AFTER_SECONDS
from lambda_src.shared.table import Item, Table, check_cursor, item_key, to_attribute

NOT_FOUND = "There is nothing of yours with this id."
_DAYS_A_MONTH = 365.25 / 12
_DAY_SECONDS = 24 * 3600


class ScoreRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A score as it is stored. `shadow` is what the challenger would have answered."""

    score: Score
    applicant: Applicant
    loan: Loan
    language: Language
    shadow: ShadowScore | None = None


class StoredScore(msgspec.Struct, frozen=True):
    """A record with its newest review, and the seconds since 1970 at which it expires."""

    record: ScoreRecord
    review: NewestReview | None
    expires_at: int


class ScoreStore(Table):
    """The scores of one stage."""

    def expires_at(self, months: int) -> int:
        """When a score of now expires that is kept for at least some months."""
        return expiry(self._now(), months)

    def create(
        self, caller: str, record: ScoreRecord, facts: ScoreFacts, expires_at: int, extra_writes: Sequence[Any] = ()
    ) -> None:
        """Writes a score and all that belongs to it, or nothing. `extra_writes` go into the same transaction.

        Raises `Unavailable`, and `InProgress` when another request has taken over the idempotency key.
        """
        writes = [
            {"Put": {"TableName": self._table, "Item": item}} for item in items(caller, record, facts, expires_at)
        ]
        writes[0]["Put"]["ConditionExpression"] = "attribute_not_exists(pk)"
        reasons = self._transact([*writes, *extra_writes])
        if "ConditionalCheckFailed" in reasons:
            raise InProgress("The request was taken over by a repetition of it.", retry_after=RETRY_AFTER_SECONDS)
        if reasons:
            # Scores of one application at the same time.
            raise aws.store_unavailable("TransactionConflict")

    def get(self, caller: str, score_id: str) -> StoredScore:
        """Raises `NotFound` for one that is not the caller's, or has expired."""
        item = self._get(item_key(_partition(caller), score_id))
        stored = _stored(item) if item else None
        if stored is None or stored.expires_at <= self._now():
            raise NotFound(NOT_FOUND)
        return stored

    def page(self, caller: str, limit: int, cursor: str | None) -> tuple[list[StoredScore], str | None]:
        """Scores, newest first, and the cursor of the next page if there is one. A page may be short."""
        check_cursor(cursor)
        page = self._query(_partition(caller), limit=limit, cursor=cursor)
        scores = [_stored(item) for item in page.items]
        return [score for score in scores if score.expires_at > self._now()], page.cursor

    def facts(self, caller: str, application_id: str) -> ScoreFacts | None:
        """What an outcome of an application is compared with; None for one that was never scored, or has expired."""
        item = self._get(application_key(caller, application_id))
        return facts_in(item, self._now()) if item else None

    def add_review(
        self, caller: str, score_id: str, stored: StoredScore, review: Review, extra_writes: Sequence[Any] = ()
    ) -> None:
        """Writes a review. Raises `Conflict` if there is another one since `stored` was read."""
        unchanged = "attribute_not_exists(review)" if stored.review is None else "review = :before"
        before = {} if stored.review is None else {":before": {"S": stored.review.outcome}}
        decided = isinstance(review.decision, str)
        mark = {
            "TableName": self._table,
            "Key": item_key(_partition(caller), score_id),
            "UpdateExpression": f"SET review = :outcome{', decision = :decision' if decided else ' REMOVE decision'}",
            "ConditionExpression": f"attribute_exists(pk) AND {unchanged}",
            "ExpressionAttributeValues": {
                ":outcome": {"S": review.outcome},
                **({":decision": {"S": review.decision}} if decided else {}),
                **before,
            },
        }
        item = {
            **item_key(f"reviews#{score_id}", review.id),
            "record": {"B": msgspec.json.encode(review)},
            "expiresAt": to_attribute(stored.expires_at),
        }
        if self._transact([{"Update": mark}, {"Put": {"TableName": self._table, "Item": item}}, *extra_writes]):
            raise Conflict("Another review was recorded at the same time. Read the score again.")

    def reviews(self, score_id: str) -> list[Review]:
        """The newest hundred reviews of a score, newest first."""
        page = self._query(f"reviews#{score_id}", limit=100, consistent=True)
        return [msgspec.json.decode(item["record"]["B"], type=Review) for item in page.items]


def expiry(now: float, months: int) -> int:
    """When something of now expires that is kept for at least some months. Both in seconds since 1970."""
    return int(now) + math.ceil(months * _DAYS_A_MONTH + 2) * _DAY_SECONDS


def items(caller: str, record: ScoreRecord, facts: ScoreFacts, expires_at: int) -> list[Item]:
    """The items of a score: itself, and what outcomes are compared with if the application has an id."""
    expiry = {"expiresAt": to_attribute(expires_at)}
    score = record.score
    stored = [{**item_key(_partition(caller), score.id), "record": {"B": msgspec.json.encode(record)}, **expiry}]
    if isinstance(score.application_id, str):
        stored.append(application_item(caller, score.application_id, facts, expires_at))
    return stored


def application_key(caller: str, application_id: str) -> Item:
    """The key of what an outcome of an application is compared with."""
    return item_key(f"applications#{caller}", application_id)


def application_item(caller: str, application_id: str, facts: ScoreFacts, expires_at: int) -> Item:
    """What an outcome of an application is compared with, as an item."""
    return {
        **application_key(caller, application_id),
        "facts": {"B": msgspec.json.encode(facts)},
        "expiresAt": to_attribute(expires_at),
    }


def facts_in(item: Item, now: float) -> ScoreFacts | None:
    """What an item holds; None for one that has expired."""
    if int(item["expiresAt"]["N"]) <= now:
        return None
    return msgspec.json.decode(item["facts"]["B"], type=ScoreFacts)


def _partition(caller: str) -> str:
    return f"scores#{caller}"


def _stored(item: Item) -> StoredScore:
    record = msgspec.json.decode(item["record"]["B"], type=ScoreRecord)
    return StoredScore(record, _newest_review(item), int(item["expiresAt"]["N"]))


def _newest_review(item: Item) -> NewestReview | None:
    if "review" not in item:
        return None
    decision = {"decision": item["decision"]["S"]} if "decision" in item else {}
    return msgspec.convert({"outcome": item["review"]["S"], **decision}, NewestReview)
