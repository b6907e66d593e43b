"""API keys of the stage."""

import time
from collections.abc import Callable

from lambda_src.access.authorizer.identity import Identity, Rejected, Unreachable
from lambda_src.access.key_store import KeyStore
from lambda_src.access.secrets import parse_key
from lambda_src.shared.errors import Unavailable


class KeyVerifier:
    """Looks keys up. `now` returns the seconds since 1970."""

    def __init__(self, store: KeyStore, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    def identify(self, token: str) -> Identity:
        """Raises `Rejected` and `Unreachable`."""
        presented = parse_key(token)
        if presented is None:
            raise Rejected("not the form of a key")
        try:
            record = self._store.find(presented.key_id)
        except Unavailable as error:
            raise Unreachable(error.message) from error
        if record is None:
            raise Rejected("there is no such key")
        if not any(presented.matches(digest) for digest in record.digests(self._now())):
            raise Rejected(f"the key {record.id} has ended, or its secret was rotated")
        return Identity(
            caller=f"owner:{record.owner}",
            groups=record.groups,
            name=record.name,
            team=record.team,
            key_id=record.id,
            use_cases=record.use_cases,
            models=record.models,
        )
