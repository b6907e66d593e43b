"""What credit risk keeps of a caller. A lender must be able to show how it decided, so scores and files stay."""

from collections.abc import Sequence
from typing import Any

import msgspec

from lambda_src.credit_risk.batch_files import OUTPUTS, result_key
from lambda_src.credit_risk.batch_store import BatchItem, BatchStore
from lambda_src.credit_risk.score_store import ScoreStore
from lambda_src.credit_risk.settings import CreditRiskOptions
from lambda_src.credit_risk.training_store import TrainingItem, TrainingStore
from lambda_src.shared.caller_data import COPIES, PAGE, CallerDataSettings, KeptResponses, Part, Run
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.idempotency import IdempotencyStore

_BATCH_FIELDS = (
    *("id", "name", "purpose", "status", "createdAt", "updatedAt", "rows", "rowsDone", "errorCode", "errorMessage"),
)
_TRAINING_FIELDS = ("id", "model", "status", "createdAt", "updatedAt", "errorCode", "errorMessage")


class CreditCallerDataSettings(CallerDataSettings, frozen=True, kw_only=True):
    """The environment of the function."""

    options: CreditRiskOptions = CreditRiskOptions()


class LendingData:
    """What credit risk keeps of callers."""

    def __init__(
        self,
        settings: CreditCallerDataSettings,
        *,
        scores: ScoreStore | None = None,
        batches: BatchStore | None = None,
        trainings: TrainingStore | None = None,
    ) -> None:
        self._bucket = str(settings.bucket_name)
        self._months = settings.options.retention_months
        self._scores = scores or ScoreStore(settings.table_name)
        self._batches = batches or BatchStore(settings.table_name)
        self._trainings = trainings or TrainingStore(settings.table_name)
        responses = KeptResponses(IdempotencyStore.of(self._scores))
        self.erasers: Sequence[Part] = (
            *(responses.erase, self._keep_scores, self._keep_batches, self._keep_trainings),
        )
        self.exporters: Sequence[Part] = (self._export_scores, self._export_batches, self._export_trainings)

    def _keep_scores(self, run: Run, cursor: str | None) -> str | None:
        scores, cursor = self._scores.page(run.caller, PAGE, cursor)
        self._keep(run, "scores", "with their applications, reviews and outcomes", len(scores))
        return cursor

    def _keep_batches(self, run: Run, cursor: str | None) -> str | None:
        batches, cursor = self._batches.page(caller_namespace(run.caller), PAGE, cursor, None)
        self._keep(run, "batches", "with their files, unless the caller deletes them", len(batches))
        return cursor

    def _keep_trainings(self, run: Run, cursor: str | None) -> str | None:
        trainings, cursor = self._trainings.page(run.caller, PAGE, cursor)
        if trainings:
            reason = "Records of how models were made, registered and activated, and by whom"
            run.keep("trainings", reason, "the stack is deleted", len(trainings))
        return cursor

    def _keep(self, run: Run, kind: str, what: str, count: int) -> None:
        if count:
            reason = f"Lenders must keep records of applications and decisions ({what})"
            run.keep(kind, reason, f"{self._months} months after each was made (creditRisk.retentionMonths)", count)

    def _export_scores(self, run: Run, cursor: str | None) -> str | None:
        scores, cursor = self._scores.page(run.caller, PAGE, cursor)
        for stored in scores:
            score = stored.record.score
            content = {**msgspec.to_builtins(stored.record), "reviews": self._scores.reviews(score.id)}
            run.archive.add(f"scores/{score.id}.json", content)
            run.count("scores")
        return cursor

    def _export_batches(self, run: Run, cursor: str | None) -> str | None:
        namespace = caller_namespace(run.caller)
        batches, cursor = self._batches.page(namespace, COPIES, cursor, None)
        for batch in batches:
            run.archive.add(f"batches/{batch.id}.json", _chosen(batch, _BATCH_FIELDS))
            run.count("batches")
            if batch.status == "ready" and batch.champion is not None:
                for output in OUTPUTS:
                    name = f"batches/{batch.id}-{output}.csv.gz"
                    key = result_key(namespace, batch.id, output)
                    run.count("files", int(run.archive.copy(name, self._bucket, key)))
        return cursor

    def _export_trainings(self, run: Run, cursor: str | None) -> str | None:
        trainings, cursor = self._trainings.page(run.caller, PAGE, cursor)
        for training in trainings:
            content = {**_chosen(training, _TRAINING_FIELDS), "request": training.wanted}
            run.archive.add(f"trainings/{training.id}.json", content)
            run.count("trainings")
        return cursor


def _chosen(item: BatchItem | TrainingItem, names: Sequence[str]) -> dict[str, Any]:
    """Those of an item's fields that the API has, as far as they have values."""
    fields = msgspec.to_builtins(item, builtin_types=(bytes,))
    return {name: fields[name] for name in names if fields.get(name) is not None}
