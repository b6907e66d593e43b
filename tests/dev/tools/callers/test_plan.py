"""The plan: an ARN's data goes to the principal that it names today only if that is certain, or decided."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dev.tools.callers.__main__ import find_data, parse
from dev.tools.callers.data import Holding
from dev.tools.callers.plan import Decisions, Move, make_plan, merged
from dev.tools.callers.principals import Principals, Unresolved
from dev.tools.findings import Target
from lambda_src.shared.ids import new_id
from tests.fakes import FakeBucket, FakeTable, client_error

ACCOUNT = "111122223333"
ANA = f"arn:aws:sts::{ACCOUNT}:assumed-role/team/ana"
BOB = f"arn:aws:sts::{ACCOUNT}:assumed-role/team/bob"
USER = f"arn:aws:iam::{ACCOUNT}:user/people/carl"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ROLE_ID, USER_ID = "AROATEAM", "AIDACARL"
SUBJECT = "f3a1c5d2-7c1e-4b52-9c55-0b8f2f6d3f10"
STORED = datetime(2026, 6, 1, tzinfo=UTC)
BEFORE, AFTER = STORED - timedelta(days=1), STORED + timedelta(days=1)


class FakeIam:
    def __init__(self, created: datetime = BEFORE) -> None:
        self.created = created
        self.calls: list[str] = []
        self.error: ClientError | None = None

    def get_role(self, *, RoleName: str) -> dict[str, Any]:
        self._check(RoleName, "team")
        arn = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/team"
        return {"Role": {"RoleId": ROLE_ID, "Arn": arn, "CreateDate": self.created}}

    def get_user(self, *, UserName: str) -> dict[str, Any]:
        self._check(UserName, "carl")
        return {"User": {"UserId": USER_ID, "Arn": USER, "CreateDate": self.created}}

    def _check(self, name: str, known: str) -> None:
        self.calls.append(name)
        if self.error:
            raise self.error
        if name != known:
            raise client_error("NoSuchEntity")


def holding(arn: str, created: datetime = STORED) -> Holding:
    return Holding(arn, "summary", arn, new_id(int(created.timestamp() * 1000)))


def plan(*arns: str, iam: FakeIam | None = None, **decisions: Any) -> list[Move]:
    stored = {"summarization": [holding(arn) for arn in arns]}
    return make_plan(stored, Principals(iam or FakeIam(), ACCOUNT), Decisions(**decisions))


def test_sessions_merge_into_their_role_only_with_consent() -> None:
    for move in plan(ANA, BOB):
        assert move.caller is None
        assert move.finding.level == "fail"
        assert "every session of" in move.finding.message
        assert "--share team" in move.finding.advice

    moves = plan(ANA, BOB, roles=frozenset({"team"}))

    assert [move.caller for move in moves] == [ROLE_ID, ROLE_ID]
    assert [finding.message for finding in merged(moves)] == [f"will share the data of 2: {ANA}, {BOB}"]


def test_a_user_is_the_current_one_only_with_confirmation() -> None:
    (move,) = plan(USER)
    assert move.caller is None
    assert f"--same-user {USER}" in move.finding.advice

    (move,) = plan(USER, users=frozenset({USER}))
    assert move.caller == USER_ID


@pytest.mark.parametrize(
    ("arn", "decision"), [(ANA, {"roles": frozenset({"team"})}), (USER, {"users": frozenset({USER})})]
)
def test_data_older_than_the_principal_belonged_to_another_one(arn: str, decision: dict[str, Any]) -> None:
    (move,) = plan(arn, iam=FakeIam(AFTER), **decision)

    assert move.caller is None
    assert "another principal had this name: 2026-06-02 is when" in move.finding.message

    (move,) = plan(arn, iam=FakeIam(AFTER), mapped={arn: "AROAOLD"}, **decision)
    assert move.caller == "AROAOLD"


def test_the_accounts_root_needs_no_decision() -> None:
    (move,) = plan(ROOT)
    assert move.caller == ACCOUNT


@pytest.mark.parametrize(
    ("arn", "reason"),
    [
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/gone/ana", "no longer exists"),
        (f"arn:aws:iam::{ACCOUNT}:user/gone", "no longer exists"),
        (f"arn:aws:iam::{ACCOUNT}:user/elsewhere/carl", f"the user with its name is {USER}"),
        ("arn:aws:iam::444455556666:user/carl", "belongs to the account 444455556666"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/ana", "has no unique id"),
        ("arn:aws:s3:::bucket", "is not the ARN of an IAM principal"),
    ],
)
def test_what_cannot_be_resolved_is_reported_and_never_guessed(arn: str, reason: str) -> None:
    (move,) = plan(arn, roles=frozenset({"team", "gone"}), users=frozenset({arn, USER}))
    assert move.caller is None
    assert reason in move.finding.message
    assert f"--map {arn}=ID" in move.finding.advice

    (move,) = plan(arn, mapped={arn: SUBJECT})
    assert move.caller == SUBJECT


def test_a_role_is_looked_up_once() -> None:
    iam = FakeIam()
    plan(ANA, BOB, iam=iam)
    assert iam.calls == ["team"]


def test_a_denied_lookup_ends_the_plan() -> None:
    iam = FakeIam()
    iam.error = client_error("AccessDenied")
    with pytest.raises(ClientError):
        Principals(iam, ACCOUNT).resolve(ANA)
    iam.error = client_error("NoSuchEntity")
    with pytest.raises(Unresolved):
        Principals(iam, ACCOUNT).resolve(ANA)


def test_the_summary_counts_what_an_arn_holds() -> None:
    stored = {
        "summarization": [holding(USER), holding(USER)],
        "hr-qa": [Holding(USER, "documents", "digest", new_id(int(STORED.timestamp() * 1000)))],
    }
    (move,) = make_plan(stored, Principals(FakeIam(), ACCOUNT), Decisions(users=frozenset({USER})))
    assert move.finding.message == f"summarization: 2 summary; hr-qa: 1 document -> {USER_ID}"


def test_the_command_line() -> None:
    # The session's name has an equals sign.
    arn = f"{ANA}=x"
    options = parse(["--stage", "dev", "--share", "team", "--same-user", USER, "--map", f"{arn}={SUBJECT}"])
    assert options.decisions == Decisions({arn: SUBJECT}, frozenset({"team"}), frozenset({USER}))
    assert not options.apply


@pytest.mark.parametrize("entry", [ANA, f"{ANA}=", f"{ANA}={BOB}", f"{ANA}=AROA:ana", f"team={ROLE_ID}"])
def test_a_mapping_to_no_caller_is_refused(entry: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--stage", "dev", "--map", entry])
    assert "expected ARN=ID" in capsys.readouterr().err


class FakeSession:
    """A deployed stack with one function, and none of another name."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables

    def client(self, service: str, **options: Any) -> Any:
        return {"dynamodb": FakeTable(), "s3": FakeBucket()}.get(service, self)

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, *, StackName: str) -> Any:
        if StackName != "bedrock-endpoints-dev-hr-qa":
            raise client_error("ValidationError", "does not exist")
        yield {"StackResourceSummaries": [{"ResourceType": "AWS::S3::Bucket", "PhysicalResourceId": "logs"}]}
        function = {"ResourceType": "AWS::Lambda::Function", "PhysicalResourceId": "function"}
        yield {"StackResourceSummaries": [function]}

    def get_function_configuration(self, *, FunctionName: str) -> Any:
        return {"Environment": {"Variables": self._variables}}


def test_a_use_cases_stores_are_those_of_its_functions() -> None:
    target = Target("dev", FakeSession({"TABLE_NAME": "t", "BUCKET_NAME": "b"}), "us-west-2")
    data = find_data(target, "hr-qa")
    assert data
    assert data.holdings() == []
    assert find_data(target, "chatbot") is None
    assert find_data(Target("dev", FakeSession({}), "us-west-2"), "hr-qa") is None
