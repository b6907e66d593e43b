"""The stage's models: what is known about them, their content, and which of them score.

A model (`models`, `<id>`) refers to its JSON in the bucket, which never changes. `active`, `state` says which model has
which role: one item with a version, so that two activations at once cannot both succeed. Each is recorded in the same
transaction (`activations`, `<id>`), for good.

The sample models are in the package, not in the bucket. One of them is champion until an activation says otherwise.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from typing import Any

import msgspec

from lambda_src.credit_risk import sample_models
from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.models import Activation, ModelReference, ModelRole, ModelStatus, Origin, ScoreCutOff
from lambda_src.credit_risk.scorecard import Scorecard, parse
from lambda_src.shared import aws
from lambda_src.shared.errors import Conflict, NotFound
from lambda_src.shared.inert_text import inert_text
from lambda_src.shared.table import Table, check_cursor, item_key, to_attribute

# The cards of a stage without models of its own: the one without the lender's grade and rate is champion.
SAMPLES: Mapping[str, sample_models.Name] = {
    "00000000-0000-7000-8000-000000000002": "challenger",
    "00000000-0000-7000-8000-000000000001": "champion",
}
FIRST_CHAMPION = "00000000-0000-7000-8000-000000000002"
# They approve six in ten applications of the training data, and refer the next quarter to a person.
SAMPLE_CUT_OFF = ScoreCutOff(approve=660, refer=600)
_SAMPLES_MADE_AT = "2026-11-01T00:00:00.000Z"
_VERSION_CHARACTERS = 12
# Models that a function keeps ready.
_READY = 8
NOT_FOUND = "There is no such model."


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is known about a model without reading it. `digest`: the SHA-256 of its JSON, which is at `key`.

    `registered_by` registered or trained it; None for samples.
    """

    id: str
    name: str
    digest: str
    key: str = ""
    origin: Origin
    sample: bool
    currency: str
    characteristics: tuple[str, ...]
    minimum: int
    maximum: int
    has_metrics: bool
    registered_by: str | None = None
    created_at: str
    training: str | None = None

    @property
    def version(self) -> str:
        return self.digest[:_VERSION_CHARACTERS]

    @property
    def shown_name(self) -> str:
        """The name, which its author chose, as inert text."""
        return inert_text(self.name)

    @property
    def reference(self) -> ModelReference:
        return ModelReference(self.id, self.shown_name, self.version, self.sample)


class Assignment(msgspec.Struct, frozen=True, rename="camel"):
    """A model that has a role, and its cut-offs."""

    model: str
    cut_off: ScoreCutOff


class ActiveState(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which model has which role. `version` counts the activations; `retired` had a role before."""

    version: int = 0
    champion: Assignment | None = None
    challenger: Assignment | None = None
    retired: tuple[str, ...] = ()

    def status(self, model: str) -> ModelStatus:
        """The status of a model."""
        if self.champion and self.champion.model == model:
            return "champion"
        if self.challenger and self.challenger.model == model:
            return "challenger"
        return "retired" if model in self.retired else "candidate"

    def cut_off(self, model: str) -> ScoreCutOff | None:
        """The cut-offs of a model that has a role."""
        for assignment in (self.champion, self.challenger):
            if assignment and assignment.model == model:
                return assignment.cut_off
        return None

    def holder(self, role: ModelRole) -> str | None:
        """The model that has a role."""
        assignment = {"champion": self.champion, "challenger": self.challenger}.get(role)
        return assignment.model if assignment else None

    def without(self, models: Container[str]) -> "ActiveState":
        """The state without the roles of some models."""
        champion, challenger = (
            None if assignment and assignment.model in models else assignment
            for assignment in (self.champion, self.challenger)
        )
        return msgspec.structs.replace(self, champion=champion, challenger=challenger)

    def after(self, model: str, role: ModelRole, cut_off: ScoreCutOff | None) -> "ActiveState":
        """The state after an activation. A model that loses its role is retired."""
        roles: dict[str, Assignment | None] = {"champion": self.champion, "challenger": self.challenger}
        for name, assignment in roles.items():
            if assignment and assignment.model == model:
                roles[name] = None
        if role != "retired" and cut_off is not None:
            roles[role] = Assignment(model, cut_off)
        before = [assignment.model for assignment in (self.champion, self.challenger) if assignment]
        now = [assignment.model for assignment in roles.values() if assignment]
        retired = [each for each in dict.fromkeys((*self.retired, *before, model)) if each not in now]
        return ActiveState(version=self.version + 1, retired=tuple(retired), **roles)


class ModelRegistry(Table):
    """The models of one stage. `samples`: whether it has the sample models."""

    def __init__(self, table: str, bucket: str, *, samples: bool, client: Any = None, s3: Any = None) -> None:
        super().__init__(table, client)
        self._bucket = bucket
        self._s3 = s3 or aws.store_client("s3")
        self._samples = {record.id: record for record in map(_sample, SAMPLES)} if samples else {}
        self._ready: OrderedDict[str, Scorecard] = OrderedDict()

    def add(self, record: ModelRecord, raw: bytes, extra_writes: Sequence[Any] = ()) -> None:
        """Stores a new model. A crash leaves at most an object that no item refers to. Raises `Conflict`."""
        with aws.store_errors():
            self._s3.put_object(Bucket=self._bucket, Key=record.key, Body=raw, ContentType="application/json")
        put = {
            "TableName": self._table,
            "Item": {**item_key("models", record.id), "record": {"B": msgspec.json.encode(record)}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if self._transact([{"Put": put}, *extra_writes]):
            raise Conflict("The model exists, or the request was taken over by a repetition of it.")

    def find(self, model_id: str) -> ModelRecord | None:
        """What is known about a model."""
        if model_id in self._samples:
            return self._samples[model_id]
        item = self._get(item_key("models", model_id))
        return _record(item) if item else None

    def get(self, model_id: str) -> ModelRecord:
        """Raises `NotFound`."""
        record = self.find(model_id)
        if record is None:
            raise NotFound(NOT_FOUND)
        return record

    def read(self, record: ModelRecord) -> Scorecard:
        """The model itself, from memory if it was read before. Raises `Unavailable`, also for changed content."""
        if record.id in self._ready:
            self._ready.move_to_end(record.id)
            return self._ready[record.id]
        raw = sample_models.read(SAMPLES[record.id]) if record.id in self._samples else self._download(record.key)
        if digest_of(raw) != record.digest:
            raise aws.store_unavailable("the content of a model has changed")
        self._ready[record.id] = parse(raw)
        if len(self._ready) > _READY:
            self._ready.popitem(last=False)
        return self._ready[record.id]

    def page(self, limit: int, cursor: str | None) -> tuple[list[ModelRecord], str | None]:
        """Models, newest first and the samples last, and the cursor of the next page if there is one."""
        check_cursor(cursor)
        page = self._query("models", limit=limit, cursor=cursor)
        records = [_record(item) for item in page.items]
        if page.cursor:
            return records, page.cursor
        # Their ids are lower than any other, so they can be cursors, too.
        records += [sample for sample in self._samples.values() if cursor is None or sample.id < cursor]
        return records[:limit], records[limit - 1].id if len(records) > limit else None

    def state(self) -> ActiveState:
        """Which model has which role now. Samples lose theirs when the stage turns them off."""
        item = self._get(_STATE_KEY)
        if item is not None:
            state = msgspec.json.decode(item["state"]["B"], type=ActiveState)
            return state if self._samples else state.without(SAMPLES)
        return ActiveState(champion=Assignment(FIRST_CHAMPION, SAMPLE_CUT_OFF)) if self._samples else ActiveState()

    def activate(
        self, before: ActiveState, after: ActiveState, activation: Activation, extra_writes: Sequence[Any] = ()
    ) -> None:
        """Changes the roles and records it. Raises `Conflict` if they have changed since `before` was read."""
        item = {
            **_STATE_KEY,
            "version": to_attribute(after.version),
            "state": {"B": msgspec.json.encode(after)},
        }
        unchanged: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before.version:
            unchanged = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": {":before": to_attribute(before.version)},
            }
        log = {
            **item_key("activations", activation.id),
            "record": {"B": msgspec.json.encode(activation)},
        }
        writes = [
            {"Put": {"TableName": self._table, "Item": item, **unchanged}},
            {"Put": {"TableName": self._table, "Item": log, "ConditionExpression": "attribute_not_exists(pk)"}},
            *extra_writes,
        ]
        if self._transact(writes):
            raise Conflict("Another activation was made at the same time. Read the models again.")

    def activations(self, model_id: str) -> list[Activation]:
        """The activations of a model, newest first."""
        found: list[Activation] = []
        cursor: str | None = None
        while True:
            page = self._query("activations", cursor=cursor, consistent=True)
            records = (msgspec.json.decode(item["record"]["B"], type=Activation) for item in page.items)
            found += [record for record in records if record.model == model_id]
            cursor = page.cursor
            if cursor is None:
                return found

    def _download(self, key: str) -> bytes:
        with aws.store_errors():
            content: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return content


_STATE_KEY = item_key("active", "state")


def new_record(
    model: Model,
    raw: bytes,
    *,
    model_id: str,
    origin: Origin,
    key: str = "",
    registered_by: str | None,
    created_at: str,
    training: str | None = None,
) -> ModelRecord:
    """What is known about a new model, whose JSON is `raw`."""
    return ModelRecord(
        id=model_id,
        name=model.name,
        digest=digest_of(raw),
        key=key,
        origin=origin,
        sample=model.sample,
        currency=model.currency,
        characteristics=tuple(characteristic.name for characteristic in model.card.characteristics),
        minimum=model.card.minimum,
        maximum=model.card.maximum,
        has_metrics=bool(model.performance and model.performance.metrics),
        registered_by=registered_by,
        created_at=created_at,
        training=training,
    )


def _sample(model_id: str) -> ModelRecord:
    raw = sample_models.read(SAMPLES[model_id])
    model = parse(raw).model
    return new_record(model, raw, model_id=model_id, origin="sample", registered_by=None, created_at=_SAMPLES_MADE_AT)


def _record(item: Mapping[str, Any]) -> ModelRecord:
    return msgspec.json.decode(item["record"]["B"], type=ModelRecord)


def digest_of(raw: bytes) -> str:
    """The SHA-256 of a model's JSON, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()
