"""The operations of access's route table."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET, structs

from lambda_src.access.key_store import FormerSecret, KeyRecord, KeyStore
from lambda_src.access.models import CreateKey, Key, KeyAnswer, KeyList, NewKey, RotateKey
from lambda_src.access.secrets import new_key
from lambda_src.access.settings import AccessSettings
from lambda_src.shared import catalog
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Conflict, InvalidRequest
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.schemas import ListQuery

DAY_SECONDS = 24 * 3600
# Secrets of one key that still work after rotations.
MAX_FORMER = 5


class AccessService:
    """The operations of access's route table. Every change is a line of the log: who did it to which key."""

    def __init__(
        self, settings: AccessSettings, store: KeyStore | None = None, now: Callable[[], float] = time.time
    ) -> None:
        """`now` returns the seconds since 1970."""
        self._options = settings.options
        self._store = store or KeyStore(settings.table_name)
        self._now = now

    def create_key(self, context: Context, *, body: CreateKey) -> NewKey:
        """Raises `InvalidRequest` for groups, use cases and models that do not exist here."""
        self._check_groups(body.groups)
        self._check_use_cases(body.use_cases or ())
        models = _model_ids(body.models)
        now = int(self._now())
        presented = new_key(new_id(now * 1000))
        record = KeyRecord(
            id=presented.key_id,
            name=body.name,
            owner=body.owner,
            team=body.team,
            groups=tuple(body.groups),
            use_cases=None if body.use_cases is None else tuple(body.use_cases),
            models=models,
            digest=presented.digest,
            created_at=now,
            created_by=context.caller,
            expires_at=now + body.expires_in_days * DAY_SECONDS,
        )
        self._store.create(record)
        _log("key created", context, record)
        return NewKey(**self._fields(record), key=presented.text, request_id=context.request_id)

    def list_keys(self, context: Context, *, query: ListQuery) -> KeyList:
        """All keys of the stage, newest first; ended ones for 90 days."""
        records, cursor = self._store.page(query.limit, query.cursor)
        items = [Key(**self._fields(record)) for record in records]
        return KeyList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get_key(self, context: Context, *, id: str) -> KeyAnswer:
        """Raises `NotFound`."""
        return KeyAnswer(**self._fields(self._store.get(id)), request_id=context.request_id)

    def rotate_key(self, context: Context, *, id: str, body: RotateKey) -> NewKey:
        """Raises `NotFound`, and `Conflict` for a key that has ended or has `MAX_FORMER` former secrets that work."""
        record, now = self._store.get(id), int(self._now())
        if not record.works(now):
            raise Conflict("The key has ended. Make a new one for the same owner.")
        former: tuple[FormerSecret, ...] = ()
        if body.overlap_seconds:
            # All of them: when the response to a rotation was lost, programs still send the secret before that one.
            former = (*record.overlapping(now), FormerSecret(digest=record.digest, until=now + body.overlap_seconds))
        if len(former) > MAX_FORMER:
            raise Conflict(f"{MAX_FORMER} secrets before this one still work. Wait, or rotate without an overlap.")
        presented = new_key(id)
        rotated = structs.replace(
            record,
            digest=presented.digest,
            rotated_at=now,
            former=former,
        )
        self._store.replace(record, rotated)
        _log("key rotated", context, rotated, overlap_seconds=body.overlap_seconds)
        return NewKey(**self._fields(rotated), key=presented.text, request_id=context.request_id)

    def revoke_key(self, context: Context, *, id: str) -> None:
        """A second time changes nothing. Raises `NotFound`, and `Conflict` for two changes at the same time."""
        record = self._store.get(id)
        if record.revoked_at is None:
            revoked = structs.replace(record, revoked_at=int(self._now()), former=())
            self._store.replace(record, revoked)
            _log("key revoked", context, revoked)

    def _check_groups(self, groups: Sequence[str]) -> None:
        for number, group in enumerate(groups):
            if group in self._options.admins:
                raise InvalidRequest.at(f"body.groups[{number}]", "a key cannot be an administrator's")
            if group not in self._options.groups:
                raise InvalidRequest.at(f"body.groups[{number}]", "no setting of the stage names this group")

    def _check_use_cases(self, use_cases: Sequence[str]) -> None:
        known = self._options.use_cases
        for number, use_case in enumerate(use_cases):
            if use_case not in known:
                problem = f"not a use case of the stage; one of: {', '.join(known)}"
                raise InvalidRequest.at(f"body.useCases[{number}]", problem)

    def _fields(self, record: KeyRecord) -> dict[str, Any]:
        now = self._now()
        ends = [secret.until for secret in record.overlapping(now)]
        return {
            "id": record.id,
            "name": record.name,
            "owner": record.owner,
            "team": record.team or UNSET,
            "groups": list(record.groups),
            "use_cases": UNSET if record.use_cases is None else list(record.use_cases),
            "models": UNSET if record.models is None else list(record.models),
            "status": "revoked" if record.revoked_at else "active" if record.works(now) else "expired",
            "created_at": timestamp(record.created_at),
            "created_by": record.created_by,
            "expires_at": timestamp(record.expires_at),
            "rotated_at": timestamp(record.rotated_at) if record.rotated_at else UNSET,
            "previous_secret_until": timestamp(max(ends)) if ends else UNSET,
            "revoked_at": timestamp(record.revoked_at) if record.revoked_at else UNSET,
        }


def _model_ids(models: Sequence[str] | None) -> tuple[str, ...] | None:
    """The foundation models behind ids of models and inference profiles. Raises `InvalidRequest`."""
    if models is None:
        return None
    ids = []
    for number, model in enumerate(models):
        try:
            ids.append(catalog.resolve(model).model.id)
        except catalog.UnknownModel as error:
            raise InvalidRequest.at(f"body.models[{number}]", "there is no such model") from error
    return tuple(ids)


def _log(message: str, context: Context, record: KeyRecord, **fields: Any) -> None:
    logger.info(
        message, request_id=context.request_id, caller=context.caller, key_id=record.id, owner=record.owner, **fields
    )
