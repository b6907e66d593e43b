"""Who shares data: all sessions of a role, and nobody else."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest
from botocore.credentials import Credentials

from bedrock_endpoints.auth import SigV4
from dev.local.environment import ACCOUNT
from dev.local.identities import MAY_CALL
from tests.e2e.caller import Caller, Target
from tests.e2e.test_contract import check_error
from tests.e2e.test_streams import emulator_clients

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("local_only")]

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}],
}
Session = Callable[[str, str], Caller]


@pytest.fixture
def iam(target: Target) -> Any:
    client, *_ = emulator_clients(target)
    return client("iam")


@pytest.fixture
def session(target: Target, iam: Any) -> Iterator[Session]:
    """`session(role, name)` assumes a role, which it creates, and calls the APIs."""
    client, *_ = emulator_clients(target)
    roles: set[str] = set()
    with ExitStack() as callers:

        def assume(role: str, name: str) -> Caller:
            arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
            if role not in roles:
                roles.add(role)
                iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))
                iam.put_role_policy(RoleName=role, PolicyName="may-call", PolicyDocument=json.dumps(MAY_CALL))
            keys = client("sts").assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]
            credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
            auth = SigV4(lambda: credentials, region=target.stage.default_region)
            return callers.enter_context(closing(Caller(replace(target.stage, auth=auth))))

        yield assume
    for role in roles:
        iam.delete_role_policy(RoleName=role, PolicyName="may-call")
        iam.delete_role(RoleName=role)


def role_name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def create(caller: Caller) -> str:
    response = caller.call("POST", "chatbot", "/conversations", {"title": "Pumps"})
    assert response.status == 201, response.raw
    return f"/conversations/{response.body['id']}"


def test_all_sessions_of_a_role_share_its_data(session: Session) -> None:
    role = role_name()
    path = create(session(role, "ana"))
    other = session(role, "bob")
    assert other.call("GET", "chatbot", path).status == 200
    assert other.call("DELETE", "chatbot", path).status == 204


def test_a_session_of_another_role_with_the_same_name_shares_nothing(session: Session) -> None:
    path = create(session(role_name(), "ana"))
    other = session(role_name(), "ana")
    check_error(other.call("GET", "chatbot", path), 404, "not_found")
    assert other.call("GET", "chatbot", "/conversations").body["items"] == []


def test_a_recreated_user_inherits_nothing(target: Target, iam: Any) -> None:
    name = role_name()

    def user() -> tuple[Caller, str]:
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="may-call", PolicyDocument=json.dumps(MAY_CALL))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        auth = SigV4(lambda: credentials, region=target.stage.default_region)
        return Caller(replace(target.stage, auth=auth)), key["AccessKeyId"]

    def delete(key: str) -> None:
        iam.delete_access_key(UserName=name, AccessKeyId=key)
        iam.delete_user_policy(UserName=name, PolicyName="may-call")
        iam.delete_user(UserName=name)

    caller, key = user()
    with closing(caller):
        path = create(caller)
    delete(key)
    recreated, key = user()
    with closing(recreated):
        check_error(recreated.call("GET", "chatbot", path), 404, "not_found")
    delete(key)


def test_a_federated_user_has_no_unique_id(target: Target) -> None:
    client, *_ = emulator_clients(target)
    keys = client("sts").get_federation_token(Name="ana", Policy=json.dumps(MAY_CALL))["Credentials"]
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    stage = replace(target.stage, auth=SigV4(lambda: credentials, region=target.stage.default_region))
    with closing(Caller(stage)) as caller:
        response = caller.call("GET", "chatbot", "/conversations")
    assert response.status in (401, 403)
