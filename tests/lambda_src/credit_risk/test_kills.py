"""A process is killed before or after any of its calls to AWS, and the request is retried with its key."""

from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.credit_risk.registry import FIRST_CHAMPION
from lambda_src.credit_risk.routes import ROUTES
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from tests.fakes import CALLER, OTHER, FakeBucket, FakeTable, LambdaContext, event, identity
from tests.lambda_src.credit_risk.stage import APPLICATION, CUT_OFF, Stage, with_metrics

LEASE = 60


class Killed(BaseException):
    """The end of a process."""


class Killer:
    """Ends the process before or after its call number `at`; a dead process makes no further calls."""

    def __init__(self, at: int = 0, *, after: bool = False) -> None:
        self.calls = 0
        self._at, self._after = at, after
        self._dead = False

    def guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            if self._dead:
                raise Killed
            self.calls += 1
            if self.calls == self._at:
                self._dead = True
                if self._after:
                    call(*arguments, **named)
                raise Killed
            return call(*arguments, **named)

        return guarded


class Guarded:
    """A client whose calls the killer guards."""

    def __init__(self, client: Any, killer: Killer) -> None:
        self._client, self._killer = client, killer

    def __getattr__(self, name: str) -> Any:
        return self._killer.guard(getattr(self._client, name))


def request(
    table: FakeTable, bucket: FakeBucket, killer: Killer, path: str, body: Any, model: str, now: float, caller: str
) -> Any:
    stage = Stage(Guarded(table, killer), Guarded(bucket, killer))  # type: ignore[arg-type]
    stage.clock.now = now
    api = Api(ROUTES, stage.service, stage.settings, IdempotencyStore("table", stage.table, stage.clock))
    message = event("POST", path, body, headers={"Idempotency-Key": "key"}, path={"id": model})
    message["requestContext"]["identity"] = identity(caller)
    return api(message, LambdaContext())


def killed_and_retried(killer: Killer, path: str, body: Any, prepare: Callable[[Stage], str], caller: str) -> Stage:
    """The stage after a killed request and its repetition, which must be answered."""
    stage = Stage()
    model = prepare(stage)
    try:
        first = request(stage.table, stage.bucket, killer, path, body, model, stage.clock.now, caller)
    except Killed:
        first = None
    stage.clock.now += LEASE
    second = request(stage.table, stage.bucket, Killer(), path, body, model, stage.clock.now, caller)
    assert second["statusCode"] == 201, second
    if first is not None:
        assert first["body"] == second["body"]
    return stage


def every_kill(path: str, body: Any, prepare: Callable[[Stage], str], caller: str = CALLER) -> list[Stage]:
    whole = Killer()
    stages = [killed_and_retried(whole, path, body, prepare, caller)]
    assert whole.calls >= 3
    for at in range(1, whole.calls + 1):
        for after in (False, True):
            stages.append(killed_and_retried(Killer(at, after=after), path, body, prepare, caller))
    return stages


def of(stage: Stage, prefix: str) -> list[tuple[str, str]]:
    return [key for key in stage.table.items if key[0].partition("#")[0] == prefix]


def test_a_score_is_one_score() -> None:
    body = {**APPLICATION, "applicationId": "A-1", "segment": "north"}
    for stage in every_kill("/scores", body, lambda stage: FIRST_CHAMPION):
        ((_, score_id),) = of(stage, "scores")
        facts = stage.store.facts(CALLER, "A-1")
        assert facts is not None
        assert facts.score_id == score_id
        # A count may be lost, and is never made twice.
        assert stage.counts(FIRST_CHAMPION).get("n", 0) <= 1
        assert stage.counts(FIRST_CHAMPION, "segments").get("n:north", 0) <= 1


@pytest.mark.parametrize("outcome", ["upheld", "overturned"])
def test_a_review_is_one_review(outcome: str) -> None:
    def prepare(stage: Stage) -> str:
        table, bucket, now = stage.table, stage.bucket, stage.clock.now
        message = request(table, bucket, Killer(), "/scores", APPLICATION, FIRST_CHAMPION, now, CALLER)
        assert message["statusCode"] == 201
        ((_, score_id),) = of(stage, "scores")
        return score_id

    for stage in every_kill("/scores/{id}/reviews", {"outcome": outcome, "reason": "Checked"}, prepare):
        assert len(of(stage, "reviews")) == 1
        assert stage.counts(FIRST_CHAMPION).get("overturned", 0) <= 1


def test_a_registered_model_is_listed_once_and_complete() -> None:
    for stage in every_kill("/models", with_metrics(), lambda stage: FIRST_CHAMPION):
        ((_, model),) = of(stage, "models")
        assert stage.registry.read(stage.registry.get(model)).model.name == "Small"


def test_an_activation_is_one_activation() -> None:
    body = {"role": "champion", "cutOff": CUT_OFF, "reason": "Committee"}
    for stage in every_kill("/models/{id}/activations", body, Stage.register, OTHER):
        ((_, model),) = of(stage, "models")
        assert stage.registry.state().holder("champion") == model
        assert stage.registry.state().version == 1
        assert len(stage.registry.activations(model)) == 1
