"""`python -m dev.tools.destroy --stage STAGE [--yes]`: deletes a stage, with its data where the stacks do not keep it.

The deployed templates decide, not cdk.json: data is deleted where their removal policy is `destroy`, and otherwise kept
and listed. Without `--yes` it asks first. Works while the stage's settings cannot be synthesized.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dev.local.paths import ROOT, Paths
from dev.tools.doctor import LOCAL, aws_target, local_target, read_context
from dev.tools.findings import CALL_ERRORS, Target, error_code, one_line
from stacks.config import StageSettings
from stacks.loading import ConfigError

PREFIX = "bedrock-endpoints"
BUCKET = "AWS::S3::Bucket"
# The web UI's stack reads parameters of the other ones, so it is deleted first.
_UI = "ui"
_ATTEMPTS = 2
# Access logs may arrive while their bucket is emptied.
_BUCKET_ATTEMPTS = 5
_POLL_SECONDS = 5.0
_GONE = {"NoSuchBucket", "404"}


class DestroyError(Exception):
    """The stage, or a part of it, is not deleted. The message says why and what to do."""


@dataclass(frozen=True)
class DeployedStack:
    """One stack. `data` are the buckets that are deleted with it, `logs` those with their access logs; `kept` are the
    resources that stay, as `type name`."""

    name: str
    protected: bool
    data: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


class Destroyer:
    """Deletes the stacks of one stage."""

    def __init__(
        self, target: Target, report: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._stage = target.stage
        self._cloudformation = target.client("cloudformation")
        self._s3 = target.client("s3")
        self._report = report
        self._sleep = sleep

    def plan(self) -> list[DeployedStack]:
        """The stage's stacks. Raises `DestroyError` if one is protected."""
        stacks = [self._deployed(stack) for stack in self._stacks()]
        protected = [stack.name for stack in stacks if stack.protected]
        if protected:
            disable = "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name"
            raise DestroyError(
                "nothing was deleted: these stacks have termination protection. Switch it off first:\n"
                + "\n".join(f"  {disable} {name}" for name in protected)
            )
        return stacks

    def destroy(self, stacks: list[DeployedStack]) -> None:
        """Empties the data buckets, deletes the stacks, then the buckets of access logs. Raises `DestroyError`."""
        first = [stack for stack in stacks if stack.name.endswith(f"-{_UI}")]
        for group in (first, [stack for stack in stacks if stack not in first]):
            self._delete_stacks(group)
        for bucket in [bucket for stack in stacks for bucket in stack.logs]:
            self._delete_bucket(bucket)

    def _stacks(self) -> Iterator[Mapping[str, Any]]:
        for page in self._cloudformation.get_paginator("describe_stacks").paginate():
            for stack in page["Stacks"]:
                # The name alone may be that of another stage: `dev-eu` starts with `dev-`.
                own = str(stack.get("Description", "")).endswith(f", stage {self._stage}")
                if own and stack["StackName"].startswith(f"{PREFIX}-{self._stage}-"):
                    yield stack

    def _deployed(self, stack: Mapping[str, Any]) -> DeployedStack:
        name = stack["StackName"]
        body = self._cloudformation.get_template(StackName=name)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        return _classify(name, bool(stack.get("EnableTerminationProtection")), template, self._names(name))

    def _names(self, stack: str) -> dict[str, str]:
        """Logical id -> physical name."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
        return {
            resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
            for resource in resources
            if resource["ResourceStatus"] != "DELETE_COMPLETE"
        }

    def _delete_stacks(self, stacks: list[DeployedStack]) -> None:
        pending = stacks
        for _ in range(_ATTEMPTS):
            for stack in pending:
                # Again at the second attempt: a function may have written in the meantime.
                for bucket in stack.data:
                    self._empty(bucket)
                self._report(f"deleting {stack.name}")
                self._cloudformation.delete_stack(StackName=stack.name)
            pending = [stack for stack in pending if not self._is_deleted(stack.name)]
        if pending:
            reasons = [f"  {stack.name}: {reason}" for stack in pending for reason in self._failures(stack.name)]
            raise DestroyError("these stacks could not be deleted; fix the reason and repeat:\n" + "\n".join(reasons))

    def _is_deleted(self, name: str) -> bool:
        """Waits for the end of the deletion."""
        while True:
            try:
                status = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            except CALL_ERRORS as error:
                # The error for a stack that does not exist.
                if error_code(error) != "ValidationError":
                    raise
                return True
            if status in ("DELETE_COMPLETE", "DELETE_FAILED"):
                return bool(status == "DELETE_COMPLETE")
            self._sleep(_POLL_SECONDS)

    def _failures(self, name: str) -> Iterator[str]:
        events = self._cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        for event in events:
            if event["ResourceStatus"] == "DELETE_IN_PROGRESS" and event["LogicalResourceId"] == name:
                return
            if event["ResourceStatus"] == "DELETE_FAILED":
                yield f"{event['LogicalResourceId']}: {one_line(event.get('ResourceStatusReason', ''))}"

    def _empty(self, bucket: str) -> None:
        """Deletes all versions of all objects."""
        deleted = 0
        try:
            for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                objects = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
                if not objects:
                    continue
                answer = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                for error in answer.get("Errors", ()):
                    raise DestroyError(f"{bucket}: an object could not be deleted: {error.get('Code')}")
                deleted += len(objects)
        except CALL_ERRORS as error:
            if error_code(error) not in _GONE:
                raise
        if deleted:
            self._report(f"emptied {bucket}: {deleted} objects and versions")

    def _delete_bucket(self, bucket: str) -> None:
        for attempt in range(1, _BUCKET_ATTEMPTS + 1):
            self._empty(bucket)
            try:
                self._s3.delete_bucket(Bucket=bucket)
            except CALL_ERRORS as error:
                if error_code(error) in _GONE:
                    return
                if error_code(error) != "BucketNotEmpty" or attempt == _BUCKET_ATTEMPTS:
                    raise
                self._sleep(_POLL_SECONDS)
            else:
                self._report(f"deleted {bucket}")
                return


def _classify(name: str, protected: bool, template: Mapping[str, Any], names: Mapping[str, str]) -> DeployedStack:
    """Sorts a template's resources into deleted and kept ones. `names`: logical id -> physical name."""
    resources = {key: resource for key, resource in template.get("Resources", {}).items() if names.get(key)}
    stay = {key for key, resource in resources.items() if str(resource.get("DeletionPolicy", "")).startswith("Retain")}
    data = [key for key, resource in resources.items() if resource["Type"] == BUCKET and key not in stay]
    logs = {
        resources[key].get("Properties", {}).get("LoggingConfiguration", {}).get("DestinationBucketName", {}).get("Ref")
        for key in data
    }
    return DeployedStack(
        name,
        protected,
        data=[names[key] for key in data],
        logs=[names[key] for key in sorted(stay & logs)],
        kept=[f"{resources[key]['Type']} {names[key]}" for key in sorted(stay - logs)],
    )


def _target(stage: str, context: Mapping[str, Any], paths: Paths) -> Target:
    stages = context.get("stages", {})
    if stage not in stages:
        raise DestroyError(f"cdk.json has no stage {stage!r}; it has {', '.join(sorted(stages))}")
    # Only these two: the stage must be deletable even when other settings are invalid by now.
    settings = StageSettings(name=stage, region=stages[stage].get("region"), account=stages[stage].get("account"))
    target = local_target(paths, settings, os.environ) if stage == LOCAL else aws_target(settings)
    if target is None:
        raise DestroyError("the local stage is not running; start it with `make local`")
    if target.region is None:
        raise DestroyError("neither the stage nor the shell sets a region")
    account = target.client("sts").get_caller_identity()["Account"]
    if settings.account and settings.account != account:
        raise DestroyError(f"the credentials are for account {account}, but the stage's account is {settings.account}")
    return target


def _confirmed(stage: str) -> bool:
    if not sys.stdin.isatty():
        raise DestroyError("nothing was deleted: there is no terminal to ask at; run `make destroy` with YES=1")
    return input(f"Delete the stage {stage}? Type its name: ").strip() == stage


def _describe(stacks: Iterable[DeployedStack]) -> Iterator[str]:
    for stack in stacks:
        yield f"stack {stack.name}"
        yield from (f"  with all objects of {bucket}" for bucket in stack.data)
        yield from (f"  keeps {resource}" for resource in stack.kept)


def run(stage: str, *, yes: bool, paths: Paths, report: Callable[[str], None]) -> None:
    """Deletes the stage. Raises `DestroyError`, `ConfigError` and AWS's errors."""
    target = _target(stage, read_context(paths.root), paths)
    destroyer = Destroyer(target, report)
    stacks = destroyer.plan()
    if not stacks:
        report(f"{target.region} has no stacks of the stage {stage}")
        return
    for line in _describe(stacks):
        report(line)
    if not yes and not _confirmed(stage):
        report("nothing was deleted")
        return
    destroyer.destroy(stacks)
    outputs_file(paths, stage).unlink(missing_ok=True)
    kept = [resource for stack in stacks for resource in stack.kept]
    report(f"deleted the stage {stage}" + (", but kept:" if kept else ""))
    for resource in kept:
        report(f"  {resource}")


def outputs_file(paths: Paths, stage: str) -> Path:
    """The file with the stacks' outputs that `make deploy` writes; other commands find the APIs with it."""
    return paths.home / f"outputs-{stage}.json"


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.tools.destroy", description="Deletes a stage.")
    parser.add_argument("--stage", required=True, help="a stage of cdk.json: dev, ...")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args()
    try:
        run(options.stage, yes=options.yes, paths=Paths(ROOT), report=lambda line: print(line, flush=True))
    except (DestroyError, ConfigError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except CALL_ERRORS as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
