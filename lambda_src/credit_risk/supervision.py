"""The stage's models as modellers and validators see them: registering, documents, cut-offs, activation."""

import time
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from lambda_src.credit_risk import cut_offs, model_cards
from lambda_src.credit_risk.counters import Counters
from lambda_src.credit_risk.cut_offs import CutOffError
from lambda_src.credit_risk.model import Histogram, Model, encode
from lambda_src.credit_risk.models import (
    Activate,
    Activation,
    ActivationCreated,
    Basis,
    CutOffQuery,
    CutOffs,
    ModelCard,
    ModelCreated,
    ModelList,
    Scorecard,
    ScoreCutOff,
    Simulate,
    Simulation,
)
from lambda_src.credit_risk.monitoring import production_histogram
from lambda_src.credit_risk.registry import ActiveState, ModelRecord, ModelRegistry, new_record
from lambda_src.credit_risk.resources import REGISTERED
from lambda_src.credit_risk.scorecard import parse
from lambda_src.credit_risk.validation import ModelError
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Conflict, InvalidRequest
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.inert_text import inert_text
from lambda_src.shared.schemas import ListQuery


class Supervision:
    """The operations of the routes below `/models`."""

    def __init__(self, registry: ModelRegistry, counters: Counters, now: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._counters = counters
        self._now = now

    def list(self, context: Context, query: ListQuery) -> ModelList:
        """The stage's models, newest first, the samples last."""
        records, cursor = self._registry.page(query.limit, query.cursor)
        state = self._registry.state()
        return ModelList(
            items=[model_cards.summary(record, state) for record in records],
            champion=state.holder("champion") or UNSET,
            challenger=state.holder("challenger") or UNSET,
            next_cursor=cursor or UNSET,
            request_id=context.request_id,
        )

    def register(self, context: Context, body: Model) -> ModelCreated:
        """Stores a model that was made elsewhere, as a candidate. Raises `InvalidRequest` for one that cannot score."""
        raw = encode(body)
        try:
            model = parse(raw).model
        except ModelError as error:
            raise InvalidRequest.at(f"body.{error.path}" if error.path else "body", error.reason) from error
        now = self._now()
        model_id = new_id(int(now * 1000))
        record = new_record(
            model,
            raw,
            model_id=model_id,
            origin="registered",
            key=f"{REGISTERED}/{model_id}.json",
            registered_by=context.caller,
            created_at=timestamp(now),
        )
        fields = model_cards.summary_fields(record, ActiveState())
        answer = ModelCreated(**fields, request_id=context.request_id)
        self._registry.add(record, raw, context.idempotency.completion_writes(answer))
        return answer

    def card(self, context: Context, model_id: str) -> ModelCard:
        """The documentation of a model. Raises `NotFound`."""
        record = self._registry.get(model_id)
        model = self._registry.read(record).model
        activations = [
            msgspec.structs.replace(activation, reason=inert_text(activation.reason))
            for activation in self._registry.activations(model_id)
        ]
        state = self._registry.state()
        return model_cards.model_card(record, state, model, activations, context.request_id)

    def scorecard(self, context: Context, model_id: str) -> Scorecard:
        """The points of a model. Raises `NotFound`."""
        record = self._registry.get(model_id)
        return model_cards.scorecard(record, self._registry.read(record).model, context.request_id)

    def cut_offs(self, context: Context, model_id: str, query: CutOffQuery) -> CutOffs:
        """What each cut-off does. Raises `NotFound`, and `Conflict` without loans of that basis."""
        histogram = self._histogram(context, model_id, query.basis)
        try:
            table = cut_offs.cut_offs(histogram, query.step)
        except CutOffError as error:
            raise Conflict(str(error)) from error
        return CutOffs(
            items=table.items,
            ks=table.ks,
            curve=table.curve,
            basis=query.basis,
            loans=_loans(histogram),
            cut_off=self._registry.state().cut_off(model_id) or UNSET,
            request_id=context.request_id,
        )

    def simulate(self, context: Context, model_id: str, body: Simulate) -> Simulation:
        """The cut-off that fits a wish. Raises `InvalidRequest` unless there is one wish, `NotFound`, `Conflict`."""
        wishes = (body.cut_off, body.approval_rate, body.maximum_bad_rate, body.maximum_expected_loss_rate)
        if sum(wish is not None for wish in wishes) != 1:
            names = "cutOff, approvalRate, maximumBadRate, maximumExpectedLossRate"
            raise InvalidRequest.at("body", f"give exactly one of {names}")
        histogram = self._histogram(context, model_id, body.basis)
        try:
            row = cut_offs.simulate(
                histogram,
                cut_off=body.cut_off,
                approval_rate=body.approval_rate,
                maximum_bad_rate=body.maximum_bad_rate,
                maximum_expected_loss_rate=body.maximum_expected_loss_rate,
                margin=body.margin,
            )
        except CutOffError as error:
            raise Conflict(str(error)) from error
        in_force = self._registry.state().cut_off(model_id)
        current = cut_offs.simulate(histogram, cut_off=in_force.approve, margin=body.margin) if in_force else UNSET
        return Simulation(
            simulated=row,
            current=current,
            basis=body.basis,
            loans=_loans(histogram),
            request_id=context.request_id,
        )

    def activate(self, context: Context, model_id: str, body: Activate) -> ActivationCreated:
        """Gives a model a role.

        Raises `NotFound`, `InvalidRequest` for the cut-offs, `Conflict` for a model that the caller made or that has
        no metrics, for a role that it has or cannot have, and for two activations at once; `Unavailable` for a model
        that cannot be read.
        """
        record = self._registry.get(model_id)
        state = self._registry.state()
        cut_off = self._check(context, record, state, body)
        if cut_off is not None:
            # A model that cannot be read must not score.
            self._registry.read(record)
        now = self._now()
        previous = state.holder(body.role)
        activation = Activation(
            id=new_id(int(now * 1000)),
            model=model_id,
            role=body.role,
            cut_off=cut_off or UNSET,
            reason=body.reason,
            activated_by=context.caller,
            previous=previous if previous and previous != model_id else UNSET,
            created_at=timestamp(now),
        )
        fields = {name: getattr(activation, name) for name in activation.__struct_fields__}
        answer = ActivationCreated(**{**fields, "reason": inert_text(activation.reason)}, request_id=context.request_id)
        writes = context.idempotency.completion_writes(answer)
        self._registry.activate(state, state.after(model_id, body.role, cut_off), activation, writes)
        return answer

    def _check(self, context: Context, record: ModelRecord, state: ActiveState, body: Activate) -> ScoreCutOff | None:
        """The cut-offs of an activation that is allowed."""
        status = state.status(record.id)
        if body.role == "retired":
            if status not in ("champion", "challenger"):
                raise Conflict(f"the model is {status}: it has no role to lose")
            return None
        if body.cut_off is None:
            raise InvalidRequest.at("body.cutOff", "is required unless the role is retired")
        _check_cut_off(body.cut_off, record)
        if record.registered_by == context.caller:
            raise Conflict("you registered or trained this model: a second person must activate it")
        if not record.has_metrics:
            raise Conflict("the model has no metrics: nothing is known about its quality")
        if body.role == "challenger" and status == "champion":
            raise Conflict("the model is champion: activate another one first, or retire it")
        return body.cut_off

    def _histogram(self, context: Context, model_id: str, basis: Basis) -> Histogram:
        scorecard = self._registry.read(self._registry.get(model_id))
        try:
            if basis == "production":
                return production_histogram(scorecard.model.card, self._counters.read_all(model_id, context.deadline))
            return cut_offs.find_histogram(scorecard.model, basis)
        except CutOffError as error:
            raise Conflict(str(error)) from error


def _check_cut_off(cut_off: ScoreCutOff, record: ModelRecord) -> None:
    for name, value in (("approve", cut_off.approve), ("refer", cut_off.refer)):
        if not record.minimum <= value <= record.maximum:
            raise InvalidRequest.at(
                f"body.cutOff.{name}", f"must be within the scores of the model: {record.minimum} to {record.maximum}"
            )
    if cut_off.refer > cut_off.approve:
        raise InvalidRequest.at("body.cutOff.refer", "must not be above approve")


def _loans(histogram: Histogram) -> int:
    return sum(histogram.goods) + sum(histogram.bads)
