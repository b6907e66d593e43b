"""The identities are those of requests to API Gateway that were published with their event."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.shared.callers import find_caller, find_groups, principal_id
from lambda_src.shared.http import Api
from tests.fakes import LambdaContext, event, settings

SUBJECT = "f3a1c5d2-7c1e-4b52-9c55-0b8f2f6d3f10"
ROLE = "AROAIKFP3M27LUZBCY6YQ"
USER = "AIDA2CRXO3S2JFSU7S42X"


def iam(user: str | None, arn: str | None = "arn:aws:iam::111122223333:user/ana") -> dict[str, Any]:
    return {"requestId": "r", "identity": {"user": user, "caller": user, "userArn": arn, "accountId": "111122223333"}}


@pytest.mark.parametrize(
    ("user", "caller"),
    [
        (USER, USER),
        (f"{ROLE}:ana", ROLE),
        # IAM Identity Center, an instance, an identity pool: sessions of a role like any other.
        (f"{ROLE}:ana@example.com", ROLE),
        (f"{ROLE}:i-0123456789abcdef0", ROLE),
        (f"{ROLE}:CognitoIdentityCredentials", ROLE),
        # The account's root.
        ("111122223333", "111122223333"),
    ],
)
def test_an_iam_principal_is_its_unique_id(user: str, caller: str) -> None:
    assert find_caller(iam(user)) == caller


def groups_of(arn: str | None, claims: dict[str, str] | None = None) -> set[str]:
    request = {"accountId": "111122223333", "identity": {"userArn": arn}}
    return set(find_groups({**request, "authorizer": {"claims": claims}} if claims else request))


@pytest.mark.parametrize(
    ("claim", "groups"),
    [
        ("hr-team", {"hr-team"}),
        ("hr-team,all-staff", {"hr-team", "all-staff"}),
        ("[hr-team all-staff]", {"hr-team", "all-staff"}),
        ("", set()),
    ],
)
def test_a_tokens_groups_are_those_of_its_claim(claim: str, groups: set[str]) -> None:
    assert groups_of(None, {"sub": SUBJECT, "cognito:groups": claim}) == groups


def test_a_token_without_groups_has_none() -> None:
    role = "arn:aws:sts::111122223333:assumed-role/hr-team/ana"
    assert groups_of(role, {"sub": SUBJECT, "custom:groups": "hr-team"}) == set()


@pytest.mark.parametrize(
    ("arn", "groups"),
    [
        ("arn:aws:sts::111122223333:assumed-role/hr-team/ana", {"hr-team"}),
        ("arn:aws-cn:sts::111122223333:assumed-role/hr-team/a/b", {"hr-team"}),
        # The name of a session is the caller's choice, and that of another account's role its administrators'.
        ("arn:aws:sts::111122223333:assumed-role/other/hr-team", {"other"}),
        ("arn:aws:sts::444455556666:assumed-role/hr-team/ana", set()),
        ("arn:aws:sts::111122223333:federated-user/hr-team", set()),
        ("arn:aws:iam::111122223333:user/hr-team", set()),
        (None, set()),
    ],
)
def test_a_sessions_group_is_the_name_of_its_role(arn: str | None, groups: set[str]) -> None:
    assert groups_of(arn) == groups


def test_two_sessions_of_a_role_are_one_caller_and_two_roles_are_two() -> None:
    assert find_caller(iam(f"{ROLE}:ana")) == find_caller(iam(f"{ROLE}:bob"))
    assert find_caller(iam("AROAOTHER:ana")) != find_caller(iam(f"{ROLE}:ana"))


@pytest.mark.parametrize(
    "user",
    [
        None,
        "",
        # A federated user, whose name is chosen; not the account's root.
        "111122223333:ana",
        "arn:aws:iam::111122223333:user/ana",
        f"{ROLE.lower()}:ana",
        f"{USER}:ana",
        # A group, and an access key.
        "AGPAI23HZ27SI6FQMGNQ2",
        "ASIASJY2UOXZXSFKG6HY",
        SUBJECT,
        f"{ROLE}\n",
    ],
)
def test_a_principal_without_a_unique_id_is_no_caller(user: str | None) -> None:
    assert find_caller(iam(user)) is None


def test_a_token_is_its_subject() -> None:
    assert find_caller({"authorizer": {"claims": {"sub": SUBJECT}}, "identity": {"user": None}}) == SUBJECT
    # Cognito's subjects are UUIDs, so none of them is a principal's id.
    assert principal_id(SUBJECT) is None


def test_no_identity_is_no_caller() -> None:
    assert find_caller({}) is None
    assert find_caller({"identity": None, "authorizer": None}) is None


@given(st.text())
def test_no_name_of_a_session_changes_the_caller(name: str) -> None:
    assert principal_id(f"{ROLE}:{name}") in (ROLE, None)


@pytest.mark.parametrize("user", [None, "111122223333:ana"])
def test_a_request_without_an_id_is_unauthorized_and_logged(user: str | None, caplog: pytest.LogCaptureFixture) -> None:
    arn = "arn:aws:sts::111122223333:federated-user/ana"
    api = Api((), object(), settings())

    response = api(event("GET", "/things", requestContext=iam(user, arn)), LambdaContext())

    assert response["statusCode"] == 401
    assert json.loads(response["body"])["error"]["code"] == "unauthorized"
    (record,) = (vars(record) for record in caplog.records if record.message == "no caller")
    assert (record["principal"], record["request_id"], record["levelname"]) == (arn, "r", "WARNING")
