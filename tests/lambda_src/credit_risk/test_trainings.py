"""Trainings, from the request to a candidate that its maker cannot activate."""

import io
from typing import Any

import msgspec
import pytest

from lambda_src.credit_risk.batch_files import BatchFiles
from lambda_src.credit_risk.batch_store import BatchStore
from lambda_src.credit_risk.models import CreateTraining, TrainingAnswer
from lambda_src.credit_risk.queue import Queue
from lambda_src.credit_risk.registry import ModelRegistry
from lambda_src.credit_risk.training import worker as worker_module
from lambda_src.credit_risk.training.messages import make_queue_handler
from lambda_src.credit_risk.training.worker import Worker
from lambda_src.credit_risk.training_store import TrainingStore
from lambda_src.shared.errors import Conflict, InvalidRequest, NotFound, Unavailable
from lambda_src.shared.schemas import ListQuery
from tests.fakes import CALLER, OTHER, RecordedIdempotency, client_error
from tests.lambda_src.chatbot.world import Killer
from tests.lambda_src.credit_risk.batch_world import BatchWorld, rows, to_csv
from tests.lambda_src.credit_risk.stage import context
from tests.lambda_src.credit_risk.training.loan_files import csv_of, many
from tests.lambda_src.hr_qa.world import KillableClient, Killed

LOANS = csv_of(*many(3_000))


class TrainingWorld(BatchWorld):
    """A stage with a file of loans."""

    def __init__(self, content: bytes = LOANS) -> None:
        super().__init__()
        self.batch = self.submit(content, "training").id

    def handler_of(self, message: dict[str, Any]) -> Any:
        if message["queue"] == "queue":
            return self.worker()
        table, bucket, sqs = (KillableClient(client, self.killer) for client in (self.table, self.bucket, self.sqs))
        worker = Worker(
            trainings=TrainingStore("table", table, self.clock),
            batches=BatchStore("table", table, self.clock),
            files=BatchFiles("bucket", bucket, self.clock),
            registry=ModelRegistry("table", "bucket", samples=True, client=table, s3=bucket),
        )
        return make_queue_handler(self.settings, worker, Queue("trainings", sqs))

    def ask(self, **changes: Any) -> TrainingAnswer:
        body = msgspec.convert({"batch": self.batch, "name": "Trained", "currency": "BRL", **changes}, CreateTraining)
        return self.service.create_training(context(), body=body)

    def train(self, **changes: Any) -> TrainingAnswer:
        """A training, after all work."""
        training_id = self.ask(**changes).id
        self.run()
        return self.training(training_id)

    def training(self, training_id: str) -> TrainingAnswer:
        return self.service.get_training(context(), id=training_id)

    @property
    def trained(self) -> list[str]:
        return [key for key in self.bucket.objects if key.startswith("models/trained/")]


@pytest.fixture(scope="module")
def trained() -> tuple[TrainingWorld, TrainingAnswer]:
    world = TrainingWorld()
    return world, world.train()


def steps(training: TrainingAnswer) -> list[str]:
    return [step.status for step in training.steps]


def test_a_model_can_record_every_setting_that_is_allowed() -> None:
    world = TrainingWorld()

    assert world.train(minimumInformationValue=1, maximumPValue=1).status == "ready"
    with pytest.raises(msgspec.ValidationError, match=r"<= 1.0 - at `\$.minimumInformationValue`"):
        world.ask(minimumInformationValue=1.1)


def test_a_training_waits_for_its_turn() -> None:
    world = TrainingWorld()
    training = world.ask(name=" Trained ")

    assert (training.status, training.created_by, training.batch) == ("waiting", CALLER, world.batch)
    assert steps(training) == ["waiting"] * 5
    assert not training.model
    assert [message["queue"] for message in world.sqs.messages] == ["trainings"]


def test_a_training_makes_a_candidate(trained: tuple[TrainingWorld, TrainingAnswer]) -> None:
    world, training = trained

    assert (training.status, steps(training)) == ("ready", ["done"] * 5)
    card = world.service.get_model(context(), id=str(training.model))
    assert (card.status, card.origin, card.registered_by, card.training) == (
        "candidate",
        "trained",
        CALLER,
        training.id,
    )
    assert (card.name, card.currency, card.has_metrics) == ("Trained", "BRL", True)
    assert world.trained == [f"models/trained/{training.model}.json"]


def test_its_maker_cannot_activate_it_and_another_can(trained: tuple[TrainingWorld, TrainingAnswer]) -> None:
    world, training = trained

    with pytest.raises(Conflict):
        world.activate(str(training.model), caller=CALLER)
    assert world.activate(str(training.model), caller=OTHER).role == "champion"


def test_the_settings_reach_the_trainer() -> None:
    world = TrainingWorld()
    training = world.train(
        exclude=["purpose", "grade"], scale={"min": 0, "max": 1_000}, testFrom="2011-06", minimumInformationValue=0.02
    )
    card = world.service.get_model(context(), id=str(training.model))

    assert "purpose" not in card.characteristics
    assert (card.score_range.min, card.score_range.max) == (0, 1_000)
    assert card.development
    assert (card.development.test_from, card.development.minimum_information_value) == ("2011-06", 0.02)


def test_a_training_is_its_callers(trained: tuple[TrainingWorld, TrainingAnswer]) -> None:
    world, training = trained

    assert [item.id for item in world.service.list_trainings(context(), query=ListQuery()).items] == [training.id]
    assert world.service.list_trainings(context(OTHER), query=ListQuery()).items == []
    with pytest.raises(NotFound):
        world.service.get_training(context(OTHER), id=training.id)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_training_that_is_killed_at_any_call_makes_one_model(after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = worker_module.train(worker_module.read(io.BytesIO(LOANS)), settings())

    def train(_file: Any, _settings: Any, on_step: Any) -> Any:
        for step in ("classing", "selecting", "losses", "measuring"):
            on_step(step)
        return model

    monkeypatch.setattr(worker_module, "train", train)
    for at in range(1, 50):
        world = TrainingWorld(csv_of(*many(20)))
        training_id = world.ask().id
        killer = world.killer = Killer(at, after=after)
        world.run()
        training = world.training(training_id)
        assert training.status == "ready", at
        assert world.trained == [f"models/trained/{training.model}.json"], at
        assert [key[1] for key in world.table.items if key[0] == "models"].count(str(training.model)) == 1, at
        if killer.at is not None and killer.calls < at:
            break
    assert at > 10


def settings() -> Any:
    return worker_module.TrainingSettings(name="Trained", currency="BRL")


def test_a_repeated_message_makes_no_second_model(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TrainingWorld()
    training = world.train()
    body = f'{{"caller": "{CALLER}", "training": "{training.id}"}}'
    monkeypatch.setattr(worker_module, "train", None)
    world.sqs.send_message(QueueUrl="trainings", MessageBody=body)
    world.run()

    assert world.training(training.id) == training
    assert len(world.trained) == 1


def test_an_attempt_that_is_overtaken_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is delivered again while the first function still runs."""
    world = TrainingWorld()
    training_id = world.ask().id
    original = worker_module.train
    message = world.sqs.messages[0]["body"]

    def train(*arguments: Any) -> Any:
        monkeypatch.setattr(worker_module, "train", original)
        world.sqs.send_message(QueueUrl="trainings", MessageBody=message)
        again = world.sqs.messages[-1]
        world.handler_of(again)({"Records": [record(again)]}, Time())
        return original(*arguments)

    monkeypatch.setattr(worker_module, "train", train)
    world.run()

    training = world.training(training_id)
    assert training.status == "ready"
    assert world.trained == [f"models/trained/{training.model}.json"]


class Time:
    def get_remaining_time_in_millis(self) -> int:
        return 600_000


def record(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["id"],
        "receiptHandle": message["id"],
        "body": message["body"],
        "attributes": {"ApproximateReceiveCount": "1"},
    }


def test_a_file_that_makes_no_model_says_why() -> None:
    training = TrainingWorld(csv_of(*many(50))).train()

    assert training.status == "failed"
    assert training.error
    assert training.error.code == "not_trainable"
    assert "at least 100 are needed" in training.error.message
    assert steps(training)[0] == "waiting"


def test_a_training_that_takes_too_much_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt ends its process, as too little memory does."""
    world = TrainingWorld()
    training_id = world.ask().id
    attempts: list[int] = []

    def train(*_arguments: Any) -> Any:
        attempts.append(1)
        raise Killed

    monkeypatch.setattr(worker_module, "train", train)
    world.run()

    training = world.training(training_id)
    assert training.error
    assert (training.status, training.error.code, len(attempts)) == ("failed", "too_large", 3)
    assert world.trained == []


def test_a_mistake_of_ours_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "MAX_ATTEMPTS", 100)
    monkeypatch.setattr(worker_module, "train", None)
    training = TrainingWorld().train()

    assert training.error
    assert (training.status, training.error.code) == ("failed", "training_failed")


def test_loans_that_are_deleted_meanwhile_fail_the_training() -> None:
    world = TrainingWorld()
    training_id = world.ask().id
    world.service.delete_batch(context(), id=world.batch)
    world.run()

    training = world.training(training_id)
    assert training.error
    assert training.error.code == "no_batch"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"exclude": ["annualIncome", "age"]}, "body.exclude[1]"),
        ({"scale": {"min": 300, "max": 399}}, "body.scale"),
    ],
)
def test_settings_that_no_training_takes_are_refused(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        TrainingWorld(csv_of(*many(2))).ask(**changes)
    assert error.value.details is not None
    assert error.value.details[0]["path"] == path


def test_only_ones_own_loans_that_are_ready_are_trained_with() -> None:
    world = TrainingWorld(csv_of(*many(2)))
    others = world.create("training", OTHER)
    scoring = world.submit(to_csv(rows(2))).id
    waiting = world.create("training")

    with pytest.raises(NotFound, match=r"body\.batch"):
        world.ask(batch=others)
    with pytest.raises(Conflict, match="for scoring"):
        world.ask(batch=scoring)
    with pytest.raises(Conflict, match="awaitingUpload"):
        world.ask(batch=waiting)


def test_a_training_that_cannot_be_queued_does_not_wait_for_ever() -> None:
    world = TrainingWorld(csv_of(*many(2)))
    world.sqs.fail = client_error("ServiceUnavailable")
    with pytest.raises(Unavailable):
        world.ask()

    (training,) = world.service.list_trainings(context(), query=ListQuery()).items
    assert training.status == "failed"


def test_a_kept_response_belongs_to_its_training() -> None:
    world = TrainingWorld(csv_of(*many(2)))
    idempotency = RecordedIdempotency()
    body = CreateTraining(batch=world.batch, name="x")
    training = world.service.create_training(context(idempotency=idempotency), body=body)

    assert idempotency.resources == [training.id]
