"""Signing in to a user pool, over a mock of Cognito that asks for what the pool requires."""

from typing import Any

import pytest

from dev.tools.id_token import TokenError, pool_of, sign_in

POOL, CLIENT, USER = "us-west-2_a", "client", "ana@example.com"


class Pool:
    """Challenges in turn, then tokens. Sessions must be passed on."""

    def __init__(self, *challenges: str) -> None:
        self.challenges = list(challenges)
        self.sessions = 0
        self.responses: list[tuple[str, dict[str, str]]] = []

    def _next(self) -> dict[str, Any]:
        self.sessions += 1
        if not self.challenges:
            return {"AuthenticationResult": {"IdToken": "id-token", "AccessToken": "access-token"}}
        parameters = {"USER_ID_FOR_SRP": "sub"}
        return {
            "ChallengeName": self.challenges[0],
            "Session": str(self.sessions),
            "ChallengeParameters": parameters,
        }

    def _check(self, session: str) -> None:
        assert session == str(self.sessions)

    def admin_initiate_auth(self, **request: Any) -> Any:
        assert request["AuthFlow"] == "ADMIN_USER_PASSWORD_AUTH"
        assert request["AuthParameters"] == {"USERNAME": USER, "PASSWORD": "Password: "}
        assert (request["UserPoolId"], request["ClientId"]) == (POOL, CLIENT)
        return self._next()

    def associate_software_token(self, Session: str) -> Any:
        self._check(Session)
        self.sessions += 1
        return {"SecretCode": "SECRET", "Session": str(self.sessions)}

    def verify_software_token(self, Session: str, UserCode: str) -> Any:
        self._check(Session)
        self.sessions += 1
        return {"Status": "SUCCESS", "Session": str(self.sessions)}

    def admin_respond_to_auth_challenge(self, **request: Any) -> Any:
        self._check(request["Session"])
        assert request["ChallengeName"] == self.challenges.pop(0)
        self.responses.append((request["ChallengeName"], request["ChallengeResponses"]))
        return self._next()


def signed_in(pool: Pool, shown: list[str]) -> str:
    return sign_in(pool, POOL, CLIENT, USER, lambda prompt, secret: prompt, shown.append)


def test_the_first_sign_in_sets_up_an_authenticator_app() -> None:
    pool, shown = Pool("NEW_PASSWORD_REQUIRED", "MFA_SETUP"), list[str]()

    assert signed_in(pool, shown) == "id-token"
    assert [name for name, _ in pool.responses] == ["NEW_PASSWORD_REQUIRED", "MFA_SETUP"]
    assert any("SECRET" in line for line in shown)


def test_later_sign_ins_ask_for_a_code() -> None:
    pool, shown = Pool("SOFTWARE_TOKEN_MFA"), list[str]()

    assert signed_in(pool, shown) == "id-token"
    ((_, responses),) = pool.responses
    assert responses == {"USERNAME": "sub", "SOFTWARE_TOKEN_MFA_CODE": "Code of the authenticator app: "}
    assert shown == []


def test_an_unknown_challenge_is_named() -> None:
    with pytest.raises(TokenError, match="SMS_MFA"):
        signed_in(Pool("SMS_MFA"), [])


def test_the_pool_is_found_in_the_outputs() -> None:
    outputs = {"bedrock-endpoints-dev-embeddings": {"UserPoolId": POOL, "UserPoolClientId": CLIENT}}

    assert pool_of(outputs, "bedrock-endpoints-dev-embeddings") == (POOL, CLIENT)
    with pytest.raises(TokenError, match="no user pool"):
        pool_of(outputs, "bedrock-endpoints-dev-chatbot")
