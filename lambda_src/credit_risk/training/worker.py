"""Makes the model of a training, and stores it as a candidate of its caller.

The model and the end of its training are one transaction. A message that is delivered again finds the end, or trains
again: the same file and settings give the same model, under the same id.
"""

from lambda_src.credit_risk.batch_files import BatchFiles
from lambda_src.credit_risk.batch_store import BatchStore
from lambda_src.credit_risk.model import encode
from lambda_src.credit_risk.models import CreateTraining
from lambda_src.credit_risk.queue import TrainModel
from lambda_src.credit_risk.registry import ModelRegistry, new_record
from lambda_src.credit_risk.resources import TRAINED
from lambda_src.credit_risk.training.reading import LoanFile, read
from lambda_src.credit_risk.training.settings import Step, TrainingError, TrainingSettings
from lambda_src.credit_risk.training.trainer import train
from lambda_src.credit_risk.training_store import TrainingItem, TrainingStore
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Conflict
from lambda_src.shared.ids import timestamp
from lambda_src.shared.observability import count, logger
from lambda_src.shared.table import StaleWriteError
from lambda_src.shared.uploads import FileChangedError

# An attempt that ends without a word took too much memory or time. The next one will, too.
MAX_ATTEMPTS = 3
_TOO_LARGE = "The training took more memory or time than there is. Train with fewer loans."
_FAILED = "The model could not be trained because of a failure on our side. Create another training later."
_NO_BATCH = "The batch was deleted, or its file was replaced. Create another batch and train with that."


class _NoBatchError(Exception):
    """The loans are not there any more."""


class Worker:
    """The trainings of one stage."""

    def __init__(
        self, *, trainings: TrainingStore, batches: BatchStore, files: BatchFiles, registry: ModelRegistry
    ) -> None:
        self._trainings = trainings
        self._batches = batches
        self._files = files
        self._registry = registry

    def run(self, context: Context, message: TrainModel) -> None:
        """Trains, unless that is done."""
        training = self._trainings.get(message.caller, message.training)
        if training is None or training.status in ("ready", "failed"):
            return
        try:
            if training.attempts >= MAX_ATTEMPTS:
                self._trainings.fail(training, "too_large", _TOO_LARGE)
                return
            self._train(context, self._trainings.begin(training))
        except StaleWriteError:
            logger.info("stale write", request_id=context.request_id, training=training.id)

    def give_up(self, message: TrainModel) -> None:
        """After the last attempt: marks the training as failed, so that its owner does not wait."""
        training = self._trainings.get(message.caller, message.training)
        if training is not None and training.status in ("waiting", "running"):
            self._trainings.fail(training, "training_failed", _FAILED)

    def _train(self, context: Context, training: TrainingItem) -> None:
        """Raises `StaleWriteError` when another attempt has begun."""

        def on_step(step: Step) -> None:
            self._trainings.set_step(training, step)

        try:
            model = train(self._read(training), _settings(training.wanted), on_step)
        except TrainingError as error:
            self._trainings.fail(training, "not_trainable", f"No model can be made: {error}.")
            return
        except _NoBatchError:
            self._trainings.fail(training, "no_batch", _NO_BATCH)
            return
        raw = encode(model)
        record = new_record(
            model,
            raw,
            model_id=training.model,
            origin="trained",
            key=f"{TRAINED}/{training.model}.json",
            registered_by=training.caller,
            created_at=timestamp(),
            training=training.id,
        )
        try:
            self._registry.add(record, raw, [self._trainings.ready_write(training)])
        except Conflict as error:
            raise StaleWriteError from error
        logger.info("model trained", request_id=context.request_id, training=training.id, model=record.id)
        count(ModelsTrained=1)

    def _read(self, training: TrainingItem) -> LoanFile:
        namespace, batch_id = caller_namespace(training.caller), training.wanted.batch
        batch = self._batches.get(namespace, batch_id)
        if batch is None or batch.status != "ready":
            raise _NoBatchError
        try:
            with self._files.open(namespace, batch_id, str(batch.source)) as file:
                return read(file)
        except FileChangedError as error:
            raise _NoBatchError from error


def _settings(wanted: CreateTraining) -> TrainingSettings:
    return TrainingSettings(
        name=wanted.name.strip(),
        currency=wanted.currency,
        exclude=tuple(wanted.exclude),
        minimum=wanted.scale.min,
        maximum=wanted.scale.max,
        maximum_p_value=wanted.maximum_p_value,
        minimum_information_value=wanted.minimum_information_value,
        test_from=wanted.test_from,
    )
