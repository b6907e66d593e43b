"""Deleting stages, over stacks and buckets in memory that refuse what AWS refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.local.paths import Paths
from dev.tools import destroy
from dev.tools.destroy import Destroyer, DestroyError
from dev.tools.findings import Target
from tests.fakes import client_error

ACCOUNT = "111122223333"


def bucket(policy: str, logs: str | None = None) -> dict[str, Any]:
    logging = {"LoggingConfiguration": {"DestinationBucketName": {"Ref": logs}}} if logs else {}
    return {"Type": "AWS::S3::Bucket", "DeletionPolicy": policy, "Properties": logging}


def template(policy: str) -> dict[str, Any]:
    """A stack with a table, and a data bucket with its access logs."""
    table = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": policy}
    return {"Resources": {"Table": table, "Data": bucket(policy, "Logs"), "Logs": bucket("Retain")}}


class Account:
    """Stacks and buckets. A stack is named after its stage and use case; a bucket after its stack."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, Any]] = {}
        self.buckets: dict[str, list[dict[str, str]]] = {}
        self.calls: list[str] = []
        # Writes to a data bucket that happen while its stack is being deleted.
        self.late_writes: list[str] = []

    def add(self, stage: str, use_case: str, policy: str = "Delete", protected: bool = False) -> str:
        name = f"bedrock-endpoints-{stage}-{use_case}"
        self.stacks[name] = {
            "StackName": name,
            "StackStatus": "CREATE_COMPLETE",
            "Description": f"Bedrock endpoints: {use_case}, stage {stage}",
            "EnableTerminationProtection": protected,
            "template": template(policy),
        }
        self.buckets[f"{name}-data"] = [version("a", "1"), version("a", "2")]
        self.buckets[f"{name}-logs"] = [version("log", "null")]
        return name

    def client(self, service: str, **_options: Any) -> Any:
        return {"cloudformation": self, "s3": self, "sts": self}[service]

    def get_caller_identity(self) -> Any:
        return {"Account": ACCOUNT}

    def get_paginator(self, operation: str) -> Any:
        pages = getattr(self, f"_{operation}")
        return type("Paginator", (), {"paginate": staticmethod(pages)})

    def _describe_stacks(self) -> Iterator[Any]:
        for stack in list(self.stacks.values()):
            yield {"Stacks": [stack]}

    def _list_stack_resources(self, StackName: str) -> Iterator[Any]:
        for key in self.stacks[StackName]["template"]["Resources"]:
            yield {
                "StackResourceSummaries": [
                    {
                        "LogicalResourceId": key,
                        "PhysicalResourceId": f"{StackName}-{key.lower()}",
                        "ResourceStatus": "CREATE_COMPLETE",
                    }
                ]
            }

    def _list_object_versions(self, Bucket: str) -> Iterator[Any]:
        if Bucket not in self.buckets:
            raise client_error("NoSuchBucket")
        versions = list(self.buckets[Bucket])
        yield {"Versions": versions[:1], "DeleteMarkers": versions[1:]}

    def get_template(self, StackName: str) -> Any:
        return {"TemplateBody": self.stacks[StackName]["template"]}

    def describe_stacks(self, StackName: str) -> Any:
        if StackName not in self.stacks:
            raise client_error("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [self.stacks[StackName]]}

    def describe_stack_events(self, StackName: str) -> Any:
        return {
            "StackEvents": [
                {
                    "LogicalResourceId": "Data",
                    "ResourceStatus": "DELETE_FAILED",
                    "ResourceStatusReason": "The bucket you tried to delete is not empty",
                },
                {"LogicalResourceId": StackName, "ResourceStatus": "DELETE_IN_PROGRESS"},
                {"LogicalResourceId": "Table", "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "earlier"},
            ]
        }

    def delete_stack(self, StackName: str) -> None:
        self.calls.append(StackName)
        data = f"{StackName}-data"
        if data in self.late_writes:
            self.late_writes.remove(data)
            self.buckets[data].append(version("late", "1"))
        stays = self.stacks[StackName]["template"]["Resources"]["Data"]["DeletionPolicy"] == "Retain"
        if not stays and self.buckets[data]:
            self.stacks[StackName]["StackStatus"] = "DELETE_FAILED"
            return
        if not stays:
            del self.buckets[data]
        del self.stacks[StackName]

    def delete_objects(self, Bucket: str, Delete: Any) -> Any:
        for each in Delete["Objects"]:
            self.buckets[Bucket].remove(each)
        return {}

    def delete_bucket(self, Bucket: str) -> None:
        if self.buckets[Bucket]:
            raise client_error("BucketNotEmpty")
        del self.buckets[Bucket]


def version(key: str, identifier: str) -> dict[str, str]:
    return {"Key": key, "VersionId": identifier}


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def paths(tmp_path: Path, account: Account, monkeypatch: pytest.MonkeyPatch) -> Paths:
    stages = {"dev": {"region": "us-west-2"}, "prod": {}, "other": {"account": "999999999999"}}
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"stages": stages}}), "utf-8")
    monkeypatch.setattr(destroy, "aws_target", lambda settings: Target(settings.name, account, "us-west-2"))
    paths = Paths(tmp_path)
    paths.home.mkdir()
    destroy.outputs_file(paths, "dev").write_text("{}", "utf-8")
    return paths


def run(stage: str, paths: Paths, yes: bool = True) -> list[str]:
    lines: list[str] = []
    destroy.run(stage, yes=yes, paths=paths, report=lines.append)
    return lines


def test_a_stage_is_deleted_with_its_data_and_access_logs(account: Account, paths: Paths) -> None:
    account.add("dev", "chatbot")
    account.add("dev", "hr-qa")

    lines = run("dev", paths)

    assert account.stacks == account.buckets == {}
    assert lines[-1] == "deleted the stage dev"
    assert not destroy.outputs_file(paths, "dev").exists()


def test_kept_data_is_neither_emptied_nor_deleted_and_listed(account: Account, paths: Paths) -> None:
    name = account.add("dev", "chatbot", policy="Retain")
    before = {key: list(versions) for key, versions in account.buckets.items()}

    lines = run("dev", paths)

    assert account.stacks == {}
    assert account.buckets == before
    assert lines[-4:] == [
        "deleted the stage dev, but kept:",
        f"  AWS::S3::Bucket {name}-data",
        f"  AWS::S3::Bucket {name}-logs",
        f"  AWS::DynamoDB::Table {name}-table",
    ]


def test_a_stage_whose_name_starts_alike_is_not_touched(account: Account, paths: Paths) -> None:
    account.add("dev", "chatbot")
    other = account.add("dev-eu", "chatbot")

    run("dev", paths)

    assert list(account.stacks) == [other]
    assert account.buckets[f"{other}-data"]


def test_nothing_is_deleted_while_a_stack_is_protected(account: Account, paths: Paths) -> None:
    account.add("dev", "chatbot")
    protected = account.add("dev", "hr-qa", protected=True)

    with pytest.raises(DestroyError, match=f"--no-enable-termination-protection --stack-name {protected}"):
        run("dev", paths)

    assert account.calls == []
    assert all(account.buckets.values())


def test_the_web_ui_is_deleted_first(account: Account, paths: Paths) -> None:
    account.add("dev", "chatbot")
    ui = account.add("dev", "ui")

    run("dev", paths)

    assert account.calls[0] == ui


def test_a_bucket_written_to_during_the_deletion_is_emptied_again(account: Account, paths: Paths) -> None:
    name = account.add("dev", "chatbot")
    account.late_writes = [f"{name}-data"]

    run("dev", paths)

    assert account.stacks == account.buckets == {}


def test_a_stack_that_cannot_be_deleted_is_reported_with_the_reason(account: Account, paths: Paths) -> None:
    name = account.add("dev", "chatbot")
    account.late_writes = [f"{name}-data"] * 2

    with pytest.raises(DestroyError) as caught:
        run("dev", paths)

    assert f"{name}: Data: The bucket you tried to delete is not empty" in str(caught.value)
    assert "earlier" not in str(caught.value)
    # Repeatable: what is left is found again.
    run("dev", paths)
    assert account.stacks == account.buckets == {}


def test_access_logs_that_arrive_late_are_deleted(account: Account) -> None:
    name = account.add("dev", "chatbot")
    logs = account.buckets[f"{name}-logs"]
    empty_calls = iter([True, False])

    class Late(Account):
        def delete_bucket(self, Bucket: str) -> None:
            if Bucket.endswith("-logs") and next(empty_calls):
                self.buckets[Bucket].append(version("later", "null"))
            super().delete_bucket(Bucket)

    late = Late()
    late.stacks, late.buckets = account.stacks, account.buckets
    destroyer = Destroyer(Target("dev", late, "us-west-2"), lambda line: None, lambda seconds: None)

    destroyer.destroy(destroyer.plan())

    assert logs == []
    assert late.buckets == {}


@pytest.mark.parametrize(
    ("stage", "message"),
    [("prd", "cdk.json has no stage 'prd'; it has dev, other, prod"), ("other", "the stage's account is 999999999999")],
)
def test_a_wrong_stage_or_account_deletes_nothing(stage: str, message: str, account: Account, paths: Paths) -> None:
    account.add("other", "chatbot")

    with pytest.raises(DestroyError, match=message):
        run(stage, paths)

    assert account.calls == []


def test_without_a_terminal_it_asks_for_yes(account: Account, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    account.add("dev", "chatbot")
    monkeypatch.setattr("sys.stdin", type("NoTerminal", (), {"isatty": staticmethod(lambda: False)}))

    with pytest.raises(DestroyError, match="YES=1"):
        run("dev", paths, yes=False)

    assert account.calls == []


@pytest.mark.parametrize(("answer", "deleted"), [("dev", True), ("yes", False), ("", False)])
def test_the_stages_name_confirms(
    answer: str, deleted: bool, account: Account, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.add("dev", "chatbot")
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": staticmethod(lambda: True)}))
    monkeypatch.setattr("builtins.input", lambda prompt: answer)

    run("dev", paths, yes=False)

    assert (account.stacks == {}) == deleted


def test_a_stage_without_stacks_is_not_an_error(paths: Paths) -> None:
    assert run("dev", paths) == ["us-west-2 has no stacks of the stage dev"]
