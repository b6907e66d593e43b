"""Tokens of the stage's OpenID Connect issuers."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any
from urllib.parse import quote

import jwt

from lambda_src.access.authorizer.identity import Identity, Rejected
from lambda_src.access.authorizer.issuer_keys import IssuerKeys
from lambda_src.access.settings import Issuer

# Of the clocks of issuer and function.
CLOCK_SKEW_SECONDS = 60
# https://openid.net/specs/openid-connect-core-1_0.html#IDToken limits `sub`.
MAX_SUBJECT = 255
MAX_NAME = 255
_REQUIRED_CLAIMS = ("iss", "sub", "aud", "exp")


class TokenVerifier:
    """Verifies tokens (JWTs) of some issuers. `groups` are the groups that mean something in the stage."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        groups: Collection[str],
        make_keys: Callable[[str], IssuerKeys] = IssuerKeys,
    ) -> None:
        self._issuers = {issuer.url: (issuer, make_keys(issuer.url)) for issuer in issuers}
        self._groups = frozenset(groups)

    def identify(self, token: str) -> Identity:
        """Raises `Rejected`, and `Unreachable` when the issuer's keys cannot be had."""
        try:
            return self._identify(token)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            # PyJWT also lets errors of the standard library through for a token or a key of the wrong form.
            raise Rejected(f"{type(error).__name__}: {error}") from error

    def _identify(self, token: str) -> Identity:
        header = jwt.get_unverified_header(token)
        # Read before the signature is checked, only to choose the key that must have made it.
        unverified = jwt.decode(token, options={"verify_signature": False})
        known = self._issuers.get(str(unverified.get("iss")))
        if known is None:
            raise Rejected("not a token of the stage's issuers")
        issuer, keys = known
        algorithm = header.get("alg")
        if algorithm not in issuer.algorithms:
            raise Rejected(f"not an algorithm of the issuer: {str(algorithm)[:20]}")
        key = jwt.PyJWK.from_dict(keys.find(header.get("kid")), algorithm=algorithm)
        claims = jwt.decode(
            token,
            key,
            algorithms=list(issuer.algorithms),
            audience=issuer.audiences,
            issuer=issuer.url,
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": list(_REQUIRED_CLAIMS)},
        )
        return Identity(
            caller=caller_id(issuer.url, claims["sub"]),
            groups=tuple(sorted(self._groups.intersection(_texts(_claim(claims, issuer.groups_claim))))),
            name=_name(claims, issuer.name_claim),
        )


def caller_id(issuer: str, subject: str) -> str:
    """The caller with a subject of an issuer: subjects are unique within their issuer only. Raises `Rejected`."""
    if not subject or len(subject) > MAX_SUBJECT or not subject.isascii() or not subject.isprintable():
        raise Rejected("not a subject of OpenID Connect")
    # `#` separates the parts of the tables' keys.
    return f"oidc:{hashlib.sha256(issuer.encode()).hexdigest()[:16]}:{quote(subject, safe='|@:+/=')}"


def _claim(claims: dict[str, Any], path: str) -> Any:
    """The claim with a name, or one inside others: names with dots in them, such as URLs, come first."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _texts(value: Any) -> list[str]:
    """A claim with names: a list, or a text with blanks between them."""
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _name(claims: dict[str, Any], path: str | None) -> str | None:
    value = _claim(claims, path) if path else None
    if not isinstance(value, str):
        return None
    return "".join(character for character in value if character.isprintable())[:MAX_NAME] or None
