"""Tokens that are accepted, and those that must not be."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.access.authorizer.identity import Identity, Rejected
from lambda_src.access.authorizer.issuer_keys import IssuerKeys
from lambda_src.access.authorizer.tokens import CLOCK_SKEW_SECONDS, TokenVerifier, caller_id
from lambda_src.access.settings import Issuer
from tests.lambda_src.access.authorizer.issuer import (
    AUDIENCE,
    EC_KEY,
    OTHER_KEY,
    RSA_KEY,
    URL,
    FakeIssuer,
    public_key,
    token,
)


def verifier(*keys: dict[str, Any], **settings: Any) -> TokenVerifier:
    issuer = Issuer(**{"url": URL, "audiences": (AUDIENCE,), **settings})
    return TokenVerifier([issuer], ("hr", "risk"), lambda url: IssuerKeys(url, FakeIssuer(*keys).fetch))


def identify(text: str, *keys: dict[str, Any], **settings: Any) -> Identity:
    return verifier(*keys, **settings).identify(text)


def test_a_caller_is_issuer_and_subject() -> None:
    assert identify(token()).caller == caller_id(URL, "ana")
    assert caller_id(URL, "ana") != caller_id("https://other.example.com", "ana")
    assert caller_id(URL, "auth0|a#b") == f"{caller_id(URL, 'auth0|a')}%23b"


def test_groups_are_those_that_the_stage_knows() -> None:
    assert identify(token(groups=["hr", "x" * 500, 7, "admins"])).groups == ("hr",)
    assert identify(token(groups="risk hr")).groups == ("hr", "risk")
    assert identify(token(realm_access={"roles": ["risk"]}), groups_claim="realm_access.roles").groups == ("risk",)
    url = "https://example.com/groups"
    assert identify(token(**{url: ["hr"]}), groups_claim=url).groups == ("hr",)
    # Entra ID leaves them out when there are more than 200.
    assert identify(token(_claim_names={"groups": "src1"})).groups == ()


def test_the_name_is_opt_in_and_printable() -> None:
    assert identify(token(email="ana@example.com")).name is None
    assert identify(token(email="ana@example.com\n\x1b[31m"), name_claim="email").name == "ana@example.com[31m"
    assert identify(token(email=7), name_claim="email").name is None


@pytest.mark.parametrize(
    ("algorithm", "key", "allowed"), [("ES256", EC_KEY, ("ES256",)), ("PS256", RSA_KEY, ("RS256", "PS256"))]
)
def test_other_algorithms_are_a_setting(algorithm: str, key: Any, allowed: tuple[str, ...]) -> None:
    text = token(key, algorithm=algorithm)
    assert identify(text, public_key(key), algorithms=allowed).caller == caller_id(URL, "ana")
    with pytest.raises(Rejected, match="not an algorithm"):
        identify(text, public_key(key))


def unsigned(**claims: Any) -> str:
    return token(None, algorithm="none", **claims)


def signed_with_the_public_key() -> str:
    """HS256 with the public key as the secret: a verifier that takes the token's word for the algorithm accepts it."""
    public = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    header = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "k1"}).encode())
    body = jwt.decode(token(), options={"verify_signature": False})
    content = header + b"." + part(json.dumps(body).encode())
    return (content + b"." + part(hmac.new(public, content, hashlib.sha256).digest())).decode()


def tampered() -> str:
    header, _, signature = token().split(".")
    content = jwt.decode(token(sub="eve"), options={"verify_signature": False})
    return ".".join((header, base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("="), signature))


def now() -> int:
    """At the test, not at its import: sessions last longer than tokens."""
    return int(time.time())


WRONG = {
    "unsigned": unsigned,
    "the public key as a secret": signed_with_the_public_key,
    "changed": tampered,
    "another key": lambda: token(OTHER_KEY),
    "an unknown key id": lambda: token(headers={"kid": "k2"}),
    "another issuer": lambda: token(iss="https://evil.example.com"),
    "an issuer that only starts alike": lambda: token(iss=f"{URL}/"),
    "another audience": lambda: token(aud="other"),
    "no audience": lambda: token(without="aud"),
    "expired": lambda: token(exp=now() - CLOCK_SKEW_SECONDS - 1),
    "no end": lambda: token(without="exp"),
    "an end that is no number": lambda: token(exp="never"),
    "not yet valid": lambda: token(nbf=now() + CLOCK_SKEW_SECONDS + 30),
    "from the future": lambda: token(iat=now() + CLOCK_SKEW_SECONDS + 30),
    "no subject": lambda: token(without="sub"),
    "an empty subject": lambda: token(sub=""),
    "a long subject": lambda: token(sub="a" * 256),
    "a subject with a control character": lambda: token(sub="ana\n"),
    "a subject that is not ASCII": lambda: token(sub="ána"),
    "a key of its own": lambda: token(OTHER_KEY, headers={"kid": "k1", "jwk": public_key(OTHER_KEY)}),
    "critical extensions": lambda: token(headers={"crit": ["exp"], "exp": 1}),
    "text": lambda: "abc",
    "three empty parts": lambda: "..",
    "header that is no object": lambda: f"{base64.urlsafe_b64encode(b'[]').decode()}.e30.e30",
    "a header of 5,000 brackets": lambda: f"{base64.urlsafe_b64encode(b'[' * 5000).decode().rstrip('=')}.e30.e30",
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_tokens_are_rejected(name: str) -> None:
    with pytest.raises(Rejected):
        identify(WRONG[name]())


def test_clocks_may_differ_a_little() -> None:
    identify(token(exp=now() - CLOCK_SKEW_SECONDS + 20))
    identify(token(nbf=now() + CLOCK_SKEW_SECONDS - 20))


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "kid": "k1", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "k1", "n": "AQ", "e": "AQAB"},
        {"kty": "RSA", "kid": "k1"},
        {"kty": "what", "kid": "k1"},
        public_key(RSA_KEY, use="enc"),
        public_key(EC_KEY),
    ],
)
def test_keys_that_cannot_have_signed_the_token(key: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        identify(token(), key)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda content: content.hex()))
def test_any_text_is_rejected(text: str) -> None:
    with pytest.raises(Rejected):
        identify(text)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "groups", "email"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_any_signed_claims_are_accepted_or_rejected(claims: dict[str, Any]) -> None:
    content = {"iss": URL, "sub": "ana", "aud": AUDIENCE, "exp": now() + 300, **claims}
    # PyJWT refuses to make some of them, so the token is signed without its checks.
    text = jwt.api_jws.PyJWS().encode(json.dumps(content).encode(), RSA_KEY, "RS256", headers={"kid": "k1"})
    try:
        identity = identify(text, name_claim="email")
    except Rejected:
        return
    assert identity.caller.startswith("oidc:")
