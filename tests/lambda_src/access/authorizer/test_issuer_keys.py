"""An issuer's keys: cached, renewed, and not fetched at the wish of strangers."""

from http.client import BadStatusLine, IncompleteRead
from typing import Any

import pytest

from lambda_src.access.authorizer.identity import Rejected, Unreachable
from lambda_src.access.authorizer.issuer_keys import (
    FRESH_SECONDS,
    REFETCH_SECONDS,
    STALE_SECONDS,
    IssuerKeys,
)
from tests.lambda_src.access.authorizer.issuer import OTHER_KEY, RSA_KEY, URL, FakeIssuer, public_key


class Setup:
    def __init__(self, *keys: dict[str, Any], url: str = URL) -> None:
        self.now = 0.0
        self.issuer = FakeIssuer(*keys, url=url)
        self.keys = IssuerKeys(URL, self.issuer.fetch, lambda: self.now)


def test_keys_are_fetched_once_an_hour() -> None:
    setup = Setup()
    for _ in range(3):
        setup.keys.find("k1")
    assert setup.issuer.fetched == [f"{URL}/.well-known/openid-configuration", f"{URL}/keys"]

    setup.now = FRESH_SECONDS + 1
    setup.keys.find("k1")
    assert len(setup.issuer.fetched) == 4


def test_a_new_key_is_found_and_an_old_one_is_gone() -> None:
    setup = Setup()
    setup.keys.find("k1")
    setup.issuer.keys = [public_key(OTHER_KEY, "k2")]
    setup.now = REFETCH_SECONDS

    assert setup.keys.find("k2")["kid"] == "k2"
    with pytest.raises(Rejected):
        setup.keys.find("k1")


def test_unknown_key_ids_do_not_make_it_call_the_issuer_each_time() -> None:
    setup = Setup()
    for number in range(50):
        with pytest.raises(Rejected):
            setup.keys.find(f"unknown-{number}")
    assert len(setup.issuer.fetched) == 2


def test_known_keys_go_on_while_the_issuer_is_away_but_not_for_ever() -> None:
    setup = Setup()
    setup.keys.find("k1")
    setup.issuer.fail = OSError("connection refused")

    setup.now = FRESH_SECONDS + 1
    assert setup.keys.find("k1")
    setup.now = STALE_SECONDS + 1
    with pytest.raises(Unreachable):
        setup.keys.find("k1")
    # Not even tried again at once.
    tries = len(setup.issuer.fetched)
    with pytest.raises(Unreachable):
        setup.keys.find("k1")
    assert len(setup.issuer.fetched) == tries


@pytest.mark.parametrize(
    "failure", [OSError("refused"), TimeoutError(), ValueError("too long"), BadStatusLine(""), IncompleteRead(b"")]
)
def test_an_issuer_that_never_answered(failure: Exception) -> None:
    setup = Setup()
    setup.issuer.fail = failure
    with pytest.raises(Unreachable):
        setup.keys.find("k1")

    setup.issuer.fail = None
    setup.now = REFETCH_SECONDS
    assert setup.keys.find("k1")


def test_a_discovery_document_of_another_issuer() -> None:
    setup = Setup(url="https://evil.example.com")
    with pytest.raises(Unreachable, match="discovery document"):
        setup.keys.find("k1")


@pytest.mark.parametrize(
    ("address", "accepted"),
    [
        (f"{URL}/keys?p=b2c_1_signin", True),
        ("http://localhost:8080/keys", True),
        ("http://idp.example.com/keys", False),
        ("http://localhost:8080.example.com/keys", False),
        ("file:///etc/passwd", False),
        ("ftp://idp.example.com/keys", False),
    ],
)
def test_where_keys_are_fetched_from(address: str, accepted: bool) -> None:
    setup = Setup()
    setup.issuer.jwks_uri = address
    if accepted:
        setup.keys.find("k1")
    else:
        with pytest.raises(Unreachable):
            setup.keys.find("k1")
    assert (address in setup.issuer.fetched) is accepted


def test_a_token_without_a_key_id_needs_the_only_key() -> None:
    assert Setup().keys.find(None)["kid"] == "k1"
    with pytest.raises(Rejected):
        Setup(public_key(RSA_KEY, "k1"), public_key(OTHER_KEY, "k2")).keys.find(None)


def test_a_malformed_key_does_not_take_the_others_with_it() -> None:
    assert Setup({"kid": "k0"}, {"kty": "RSA", "kid": 7}, public_key(RSA_KEY, "k1")).keys.find("k1")["kid"] == "k1"


def test_two_keys_with_one_id_are_not_guessed_between() -> None:
    with pytest.raises(Rejected):
        Setup(public_key(RSA_KEY, "k1"), public_key(OTHER_KEY, "k1")).keys.find("k1")
