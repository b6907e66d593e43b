"""The token that the signed-in user calls the APIs with, where `UI_API_TOKEN` is set. No other identity exists then."""

import base64
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ui import sign_in_settings, tab_state
from ui.client import SignInExpired


@dataclass(frozen=True)
class OwnToken:
    """A user's token. Calling it returns the token for one request, and raises `SignInExpired` once it has expired.

    It needs no session, so threads can use it.
    """

    value: str = field(repr=False)
    expiry: float

    @property
    def is_valid(self) -> bool:
        return self.expiry > time.time()

    def __call__(self) -> str:
        if not self.is_valid:
            raise SignInExpired("the sign-in has expired")
        return self.value


def required() -> bool:
    """Whether users call the APIs with their own tokens."""
    return bool(sign_in_settings.api_token(os.environ))


def current() -> OwnToken | None:
    """The token of this session's user."""
    return read(st.user.to_dict(), st.user.tokens.to_dict().get(sign_in_settings.api_token(os.environ)))


def read(user: Mapping[str, Any], token: str | None) -> OwnToken | None:
    """The token, if it is one of this user. The APIs verify it; this only decides whether to send it.

    Streamlit keeps the claims and the tokens in separate cookies, so they may be of different users.
    """
    claims = _claims(token or "")
    expiry = claims.get("exp")
    is_own = bool(claims.get("sub")) and all(claims.get(name) == user.get(name) for name in ("iss", "sub"))
    return OwnToken(str(token), float(expiry)) if is_own and isinstance(expiry, int | float) else None


def sign_in_again() -> None:
    """Starts the sign-in. The user gets this browser tab's running requests and their responses back."""
    tab_state.leave()
    st.login()


def _claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; empty for other tokens."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError):
        return {}
    return claims if isinstance(claims, dict) else {}
