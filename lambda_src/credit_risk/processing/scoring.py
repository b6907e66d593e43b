"""Scores a slice of a file's rows.

For each row with an application's id a compact item is written, the one that single scores have, too: what an outcome
of it is compared with. That costs 0.63 US dollars per million rows and some 0.12 a month for their storage. The results
file has the same figures for nothing, but an outcome comes months later and does not say in which file its row is: each
file of outcomes would have to read all results of two years, or an index of them, which is that item again.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from lambda_src.credit_risk.application_store import ApplicationStore
from lambda_src.credit_risk.batch_files import BatchFiles
from lambda_src.credit_risk.batch_store import BatchItem, BatchStore, SliceEnd, Totals
from lambda_src.credit_risk.counters import (
    HUNDREDTHS,
    MILLIONTHS,
    Counters,
    ScoreFacts,
    score_counts,
    segment_counts,
    without,
)
from lambda_src.credit_risk.models import Recommendation
from lambda_src.credit_risk.processing.applications import Application, parse
from lambda_src.credit_risk.processing.errors import RowError
from lambda_src.credit_risk.processing.outputs import Table
from lambda_src.credit_risk.processing.rows import Header, Row
from lambda_src.credit_risk.processing.tallies import Tallies, parts
from lambda_src.credit_risk.scorecard import InputError, Result
from lambda_src.credit_risk.scoring import ModelInForce, recommend
from lambda_src.shared.observability import count, logger
from lambda_src.shared.table import ItemFullError

# Callers choose the names of segments, and each has counters of its own.
MAX_SEGMENTS = 100


class Slice:
    """The rows of a slice, scored. No store is asked or changed."""

    def __init__(
        self, batch: BatchItem, header: Header, champion: ModelInForce, challenger: ModelInForce | None = None
    ) -> None:
        self._batch = batch
        self._header = header
        self._champion = champion
        self._challenger = challenger
        self._segments: set[str] = set()
        self._offset, self._line, self._rows = batch.offset, batch.line, 0
        self._rejected = 0
        self._scored: list[int] = [0, 0, 0, 0, 0, 0]
        self.scores, self.rejected = Table(), Table()
        self.tallies = Tallies()
        self.facts: dict[str, ScoreFacts] = {}

    @property
    def end(self) -> SliceEnd:
        """Where the slice ended, and its sums."""
        scored, approved, score, probability, loss, exposure = self._scored
        totals = Totals(
            rejected=self._rejected,
            scored=scored,
            approved=approved,
            score=score,
            probability=probability,
            expected_loss=loss,
            exposure=exposure,
        )
        return SliceEnd(offset=self._offset, line=self._line, rows=self._rows, totals=totals)

    def add(self, row: Row) -> None:
        """Scores a row, or writes down why it cannot be scored."""
        self._offset, self._line, self._rows = row.end, row.line + 1, self._rows + 1
        fields: dict[str, str] = {}
        try:
            fields = row.fields(self._header)
            application = parse(fields, self._batch.started_at)
            self._check_segment(application.segment)
            result = self._score(application)
        except RowError as error:
            self._rejected += 1
            self.rejected.add_rejected(row.line, fields.get("applicationId"), error)
            return
        recommendation = recommend(result, self._champion.cut_off)
        self._write(row.line, application, result, recommendation)
        self._count(self._champion, application, result, recommendation)
        if application.segment:
            counts = segment_counts(application.segment, recommendation)
            self.tallies.add(self._champion.reference.id, application.day, "segments", counts)
        self._score_in_shadow(application)

    def _check_segment(self, segment: str | None) -> None:
        if segment is None or segment in self._segments:
            return
        if len(self._segments) >= MAX_SEGMENTS:
            raise RowError("segment", f"10,000 rows may have {MAX_SEGMENTS} segments: sort the file by segment")
        self._segments.add(segment)

    def _score(self, application: Application) -> Result:
        try:
            return self._champion.scorecard.score(application.values, application.day[:7])
        except InputError as error:
            raise RowError(error.path.rpartition(".")[2], error.reason) from error

    def _score_in_shadow(self, application: Application) -> None:
        """The challenger may need what the application lacks."""
        if self._challenger is None:
            return
        try:
            result = self._challenger.scorecard.score(application.values, application.day[:7])
        except InputError:
            return
        self._count(self._challenger, application, result, recommend(result, self._challenger.cut_off))

    def _count(
        self, model: ModelInForce, application: Application, result: Result, recommendation: Recommendation
    ) -> None:
        counts = score_counts(model.scorecard, result, recommendation, application.values)
        self.tallies.add(model.reference.id, application.day, "scores", counts)

    def _write(self, line: int, application: Application, result: Result, recommendation: Recommendation) -> None:
        reference = self._champion.reference
        soon = result.probability_of_default_12_months
        self.scores.add(
            (
                line,
                application.application_id or "",
                result.score,
                _fraction(result.probability_of_default),
                "" if soon is None else _fraction(soon),
                _fraction(result.loss_given_default),
                _fraction(result.credit_conversion_factor),
                f"{result.exposure_at_default:.2f}",
                f"{result.expected_loss:.2f}",
                recommendation,
                " ".join(reason.code for reason in result.reasons),
                " ".join(reason.text(self._batch.language) for reason in result.reasons),
                " ".join(f"{warning.code}:{warning.path}" for warning in result.warnings),
                reference.id,
                reference.version,
            )
        )
        added = (
            1,
            int(recommendation == "approve"),
            result.score,
            round(result.probability_of_default * MILLIONTHS),
            round(result.expected_loss * HUNDREDTHS),
            round(result.exposure_at_default * HUNDREDTHS),
        )
        self._scored = [total + value for total, value in zip(self._scored, added, strict=True)]
        if application.application_id:
            self.facts[application.application_id] = ScoreFacts(
                score_id=self._batch.id,
                model=reference.id,
                date=application.day,
                score=result.score,
                probability_of_default=result.probability_of_default,
                loss_given_default=result.loss_given_default,
                exposure=result.exposure_at_default,
                expected_loss=result.expected_loss,
                amount=application.amount,
            )


class ScoringSlices:
    """Scores slices of batches, over the stores of one stage."""

    def __init__(
        self, batches: BatchStore, files: BatchFiles, applications: ApplicationStore, counters: Counters
    ) -> None:
        self._batches = batches
        self._files = files
        self._applications = applications
        self._counters = counters

    def run(
        self,
        namespace: str,
        batch: BatchItem,
        header: Header,
        rows: Iterable[Row],
        models: tuple[ModelInForce, ModelInForce | None],
        expires_at: int,
    ) -> BatchItem:
        """Scores the rows of the current slice. Returns the batch after it.

        All is written again when it was interrupted, but for the counters that were raised before. Raises
        `StaleWriteError` when another worker was faster, or the batch is being deleted.
        """
        scored = Slice(batch, header, *models)
        for row in rows:
            scored.add(row)
        self._files.write_part(namespace, batch.id, "scores", batch.slice, scored.scores.compressed())
        self._files.write_part(namespace, batch.id, "rejected", batch.slice, scored.rejected.compressed())
        self._applications.write_facts(batch.owner, scored.facts, expires_at)
        for number, writes in enumerate(parts(scored.tallies.writes(self._counters))):
            if number >= batch.part:
                batch = self._finish_part(namespace, batch, writes)
        end = scored.end
        batch = self._batches.finish_slice(namespace, batch, end)
        count(BatchRows=end.rows, BatchRowsRejected=end.totals.rejected)
        return batch

    def _finish_part(self, namespace: str, batch: BatchItem, writes: Sequence[dict[str, Any]]) -> BatchItem:
        try:
            return self._batches.finish_part(namespace, batch, writes)
        except ItemFullError:
            # All callers choose names of segments, and those of a day are in one item.
            logger.warning("segments not counted", batch=batch.id)
            return self._batches.finish_part(namespace, batch, without("segments", writes))


def _fraction(number: float) -> str:
    return f"{number:.6f}"
