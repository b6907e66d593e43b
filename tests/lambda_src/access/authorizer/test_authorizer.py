"""The gateway's event in, a policy or a refusal out."""

import json
from typing import Any

import pytest

from lambda_src.access.authorizer.authorizer import Authorizer
from lambda_src.access.authorizer.identity import Identity, Rejected, Unreachable
from lambda_src.shared.callers import NO_GRANT, Grant, find_caller, find_grant, find_groups

API = "arn:aws:execute-api:us-west-2:111122223333:abc123/v1"
IDENTITY = Identity(
    caller="owner:billing",
    groups=("hr",),
    name="Nightly job",
    team="payments",
    key_id="k",
    use_cases=("hr-qa",),
    models=("m",),
)


def request(authorization: str | None, header: str = "Authorization") -> dict[str, Any]:
    headers = {} if authorization is None else {header: authorization}
    return {"methodArn": f"{API}/POST/scores", "headers": headers, "requestContext": {"requestId": "r-1"}}


def identify(credentials: str) -> Identity:
    if credentials in ("be_good", "token.a.b"):
        return IDENTITY
    if credentials == "be_later":
        raise Unreachable("the table does not answer")
    raise Rejected("no")


AUTHORIZER = Authorizer(identify, identify)


@pytest.mark.parametrize("header", ["Authorization", "authorization"])
@pytest.mark.parametrize("text", ["Bearer be_good", "bearer  token.a.b"])
def test_the_policy_is_for_all_methods_of_the_api(header: str, text: str) -> None:
    answer = AUTHORIZER(request(text, header), None)

    assert answer["principalId"] == "owner:billing"
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement == {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{API}/*"}
    assert all(isinstance(value, str) for value in answer["context"].values())


def test_functions_read_what_the_authorizer_says() -> None:
    context = {"authorizer": {**AUTHORIZER(request("Bearer be_good"), None)["context"], "principalId": "x"}}

    assert find_caller(context) == "owner:billing"
    assert find_groups(context) == {"hr"}
    assert find_grant(context) == Grant(
        by_token=True,
        name="Nightly job",
        team="payments",
        key_id="k",
        use_cases=frozenset({"hr-qa"}),
        models=frozenset({"m"}),
    )


def test_a_caller_without_limits_has_none() -> None:
    context = {"authorizer": Identity(caller="oidc:0:ana").authorizer_context()}
    assert find_grant(context) == Grant(by_token=True)
    assert find_groups(context) == frozenset()


def test_a_cognito_token_with_a_claim_named_like_ours_gives_nothing() -> None:
    claims = {"sub": "s-1", "caller": "owner:billing", "models": '["m"]'}
    context = {"authorizer": {"claims": claims}}
    assert find_caller(context) == "s-1"
    assert find_grant(context) == NO_GRANT


@pytest.mark.parametrize(
    "text",
    [None, "", "Bearer", "Bearer ", "Basic YTpi", "be_good", "Bearer be_bad", "Bearer a b", f"Bearer {'a' * 9001}"],
)
def test_wrong_credentials_are_answered_with_401(text: str | None, caplog: pytest.LogCaptureFixture) -> None:
    # The gateway looks for exactly this text.
    with caplog.at_level("INFO"), pytest.raises(Exception, match=r"^Unauthorized$"):
        AUTHORIZER(request(text), None)
    assert "be_bad" not in str([vars(record) for record in caplog.records])


def test_credentials_that_cannot_be_checked_are_the_services_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unreachable):
        AUTHORIZER(request("Bearer be_later"), None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(line.get("CredentialsUnchecked") == [1.0] and line.get("stage") == "test" for line in lines)


def test_a_stage_without_keys_takes_none() -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        Authorizer(None, identify)(request("Bearer be_good"), None)
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        Authorizer(identify, None)(request("Bearer token.a.b"), None)
