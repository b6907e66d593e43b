"""Matches a slice of outcomes to the caller's scored applications, and counts them by the day of the application.

An outcome and the counters that it raises are written in one transaction. So a row counts once, however often its slice
is worked on, and the later of two outcomes of an application takes the earlier one back.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import msgspec

from lambda_src.credit_risk.application_store import ApplicationStore, CountedOutcome, Known, place_of
from lambda_src.credit_risk.batch_files import BatchFiles
from lambda_src.credit_risk.batch_store import BatchItem, BatchStore, SliceEnd, Totals
from lambda_src.credit_risk.counters import Counters, Counts, Outcome, ScoreFacts, negative, outcome_counts
from lambda_src.credit_risk.models import ApplicationId, Date, Money
from lambda_src.credit_risk.processing.applications import convert
from lambda_src.credit_risk.processing.errors import RowError
from lambda_src.credit_risk.processing.outputs import Table
from lambda_src.credit_risk.processing.rows import Columns, Header, Row
from lambda_src.credit_risk.processing.tallies import MAX_WRITES, Key, Tallies
from lambda_src.credit_risk.scorecard import Scorecard
from lambda_src.credit_risk.scoring import application_date
from lambda_src.shared.observability import count
from lambda_src.shared.schemas import RequestModel

COLUMNS = Columns(("applicationId", "status"), ("defaultedAt", "balanceAtDefault", "recovered"))
_STATUSES = ("paid", "defaulted")


class _OutcomeRow(RequestModel):
    """The fields of a row but for its status."""

    application_id: ApplicationId
    defaulted_at: Date | None = None
    balance_at_default: Money | None = None
    recovered: Money | None = None


class ReportedOutcome(msgspec.Struct, frozen=True):
    """The outcome of a row."""

    line: int
    application_id: str
    outcome: Outcome
    defaulted_at: str | None


class Change(msgspec.Struct, frozen=True):
    """An outcome to record, and the one that it replaces."""

    application_id: str
    outcome: CountedOutcome
    before: CountedOutcome | None


def parse(row: Row, fields: dict[str, str], now: float) -> ReportedOutcome:
    """The outcome of a row. Raises `RowError`."""
    fields = dict(fields)
    status = fields.pop("status", None)
    if status not in _STATUSES:
        raise RowError("status", f"must be {' or '.join(_STATUSES)}")
    values = convert(fields, _OutcomeRow)
    for name, value in (("balanceAtDefault", values.balance_at_default), ("recovered", values.recovered)):
        if value is not None and not math.isfinite(value):
            raise RowError(name, "must be a number")
    if values.defaulted_at is not None:
        try:
            application_date(values.defaulted_at, now)
        except ValueError as error:
            raise RowError("defaultedAt", str(error)) from error
    if status == "paid":
        for name in ("defaultedAt", "balanceAtDefault", "recovered"):
            if name in fields:
                raise RowError(name, "must be blank for a loan that was paid")
    outcome = Outcome(defaulted=status == "defaulted", balance=values.balance_at_default, recovered=values.recovered)
    return ReportedOutcome(row.line, values.application_id, outcome, values.defaulted_at)


class OutcomeSlices:
    """Counts slices of outcomes, over the stores of one stage.

    `scorecard_of` finds the model that scored an application; None when the stage has it no more.
    """

    def __init__(
        self,
        batches: BatchStore,
        files: BatchFiles,
        applications: ApplicationStore,
        counters: Counters,
        scorecard_of: Callable[[str], Scorecard | None],
    ) -> None:
        self._batches = batches
        self._files = files
        self._applications = applications
        self._counters = counters
        self._scorecard_of = scorecard_of

    def run(self, namespace: str, batch: BatchItem, header: Header, rows: Iterable[Row], expires_at: int) -> BatchItem:
        """Counts the rows of the current slice. Returns the batch after it. Raises as `ScoringSlices.run`."""
        rejected = Table()
        reported: list[ReportedOutcome] = []
        read, refused, offset, line = 0, 0, batch.offset, batch.line
        for row in rows:
            read, offset, line = read + 1, row.end, row.line + 1
            fields: dict[str, str] = {}
            try:
                fields = row.fields(header)
                reported.append(parse(row, fields, batch.started_at))
            except RowError as error:
                refused += 1
                rejected.add_rejected(row.line, fields.get("applicationId"), error)
        changes: list[Change] = []
        known = self._applications.read(batch.owner, dict.fromkeys(entry.application_id for entry in reported))
        # Of several outcomes of an application, the last one counts.
        last = {entry.application_id: entry.line for entry in reported}
        for entry in reported:
            try:
                change = self._change(batch, entry, known)
            except RowError as error:
                refused += 1
                rejected.add_rejected(entry.line, entry.application_id, error)
                continue
            if change is not None and last[entry.application_id] == entry.line:
                changes.append(change)
        self._files.write_part(namespace, batch.id, "rejected", batch.slice, rejected.compressed())
        self._count(batch.owner, changes, expires_at)
        end = SliceEnd(offset=offset, line=line, rows=read, totals=Totals(rejected=refused))
        batch = self._batches.finish_slice(namespace, batch, end)
        count(BatchRows=read, BatchRowsRejected=refused)
        return batch

    def _change(self, batch: BatchItem, reported: ReportedOutcome, known: Known) -> Change | None:
        """What a row changes; None when it is counted, or a later outcome is."""
        name = reported.application_id
        before = known.outcomes.get(name)
        facts = known.facts.get(name) or (before.facts if before else None)
        if facts is None:
            raise RowError("applicationId", "was not scored, or its score has expired")
        if self._scorecard_of(facts.model) is None:
            raise RowError("applicationId", "was scored by a model that no longer exists")
        if reported.defaulted_at is not None and date.fromisoformat(reported.defaulted_at) < date.fromisoformat(
            facts.date
        ):
            raise RowError("defaultedAt", "is before the application")
        place = place_of(batch.id, reported.line)
        if before is not None and before.place >= place:
            return None
        return Change(name, CountedOutcome(place=place, facts=facts, outcome=reported.outcome), before)

    def _count(self, caller: str, changes: Sequence[Change], expires_at: int) -> None:
        """Makes the changes, as many at once as a transaction takes: those of the same day raise the same counters."""
        ordered = sorted(changes, key=lambda change: (change.outcome.facts.model, change.outcome.facts.date))
        group = _Group(self._counters)
        for change in ordered:
            write = self._applications.outcome_write(
                caller, change.application_id, change.outcome, change.before, expires_at
            )
            counts = [self._counts_of(change.outcome, lambda counts: counts)]
            if change.before is not None:
                counts.append(self._counts_of(change.before, negative))
            if not group.add(write, counts):
                self._applications.count_outcomes(group.writes)
                group = _Group(self._counters)
                group.add(write, counts)
        if group.writes:
            self._applications.count_outcomes(group.writes)

    def _counts_of(self, counted: CountedOutcome, transform: Callable[[Counts], Counts]) -> tuple[ScoreFacts, Counts]:
        scorecard = self._scorecard_of(counted.facts.model)
        # Counters of a model that no longer exists are read by nobody.
        counts = outcome_counts(scorecard, counted.facts, counted.outcome) if scorecard else {}
        return counted.facts, transform(counts)


class _Group:
    """Outcomes of one transaction, with the counters that they raise together."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._puts: list[dict[str, Any]] = []
        self._tallies = Tallies()

    @property
    def writes(self) -> list[dict[str, Any]]:
        """The writes of the transaction."""
        return [*self._puts, *self._tallies.writes(self._counters)]

    def add(self, put: dict[str, Any], counts: Sequence[tuple[ScoreFacts, Counts]]) -> bool:
        """Adds an outcome, unless the transaction would have too many writes. Returns whether it did."""
        keys: set[Key] = {(facts.model, facts.date, "outcomes") for facts, entry in counts if entry}
        if self._puts and len(self._puts) + 1 + self._tallies.size_with(keys) > MAX_WRITES:
            return False
        self._puts.append(put)
        for facts, entry in counts:
            if entry:
                self._tallies.add(facts.model, facts.date, "outcomes", entry)
        return True
