"""`python -m dev.tools.callers --stage STAGE`: data that is stored under ARNs, and the ids that it will belong to.

Callers were once identified by their ARN. The command prints what is stored under ARNs and whose id is to get it, and
what the operator must decide. With `--apply` it moves what is decided; the exit code is 1 while something is left. It
may be stopped at any time and run again. Its permissions are in docs/how-to/operate.md.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from botocore.config import Config

from dev.local.paths import ROOT, Paths
from dev.tools import account, doctor
from dev.tools.callers.data import CallerData
from dev.tools.callers.plan import Decisions, Move, make_plan, merged
from dev.tools.callers.principals import Principals
from dev.tools.deployed import function_variables
from dev.tools.findings import CALL_ERRORS, Finding, Target, fail, ok, one_line, warning
from lambda_src.registry import USE_CASES
from lambda_src.shared.callers import principal_id
from lambda_src.shared.errors import ApiError
from lambda_src.shared.ids import is_id
from stacks.loading import ConfigError


def find_data(target: Target, use_case: str) -> CallerData | None:
    """The stores of a deployed use case, found by its functions' environment; None if it is not deployed."""
    stack = f"bedrock-endpoints-{target.stage}-{use_case}"
    stores = _patient(target)
    for variables in function_variables(target, stack):
        if "TABLE_NAME" in variables:
            dynamodb, s3 = stores.client("dynamodb"), stores.client("s3")
            return CallerData(variables["TABLE_NAME"], variables.get("BUCKET_NAME"), dynamodb=dynamodb, s3=s3)
    return None


def _patient(target: Target) -> Target:
    """The target with time for the copy of a large file, and retries while a table is throttled."""
    config = Config(read_timeout=120, retries={"mode": "standard", "total_max_attempts": 8})
    known = target.options.get("config")
    return replace(target, options={**target.options, "config": known.merge(config) if known else config})


def run(
    stores: Mapping[str, CallerData], principals: Principals, decisions: Decisions, *, apply: bool
) -> Iterator[Finding]:
    """The plan's findings; with `apply`, then those of what was moved."""
    moves = make_plan({name: data.holdings() for name, data in stores.items()}, principals, decisions)
    yield from (move.finding for move in moves)
    yield from merged(moves)
    if not apply:
        for use_case, data in stores.items():
            if any(data.unfinished()):
                yield fail(use_case, "an earlier run was stopped", "finish it with --apply")
        if any(move.caller for move in moves):
            yield warning("plan", "nothing was moved", "move what is decided with --apply")
        return
    for data in stores.values():
        for finish in data.unfinished():
            finish()
    for move in moves:
        if move.caller:
            yield from _apply(move, move.caller, stores)


def _apply(move: Move, caller: str, stores: Mapping[str, CallerData]) -> Iterator[Finding]:
    left = 0
    for use_case, holdings in move.holdings.items():
        for holding, reason in stores[use_case].move(holdings, move.arn, caller):
            left += 1
            yield fail(f"{use_case} {holding.kind} {holding.id}", reason, "the rest is not affected")
    if not left:
        yield ok(move.arn, f"moved to {caller}")


def diagnose(stage: str, decisions: Decisions, *, apply: bool) -> Iterator[Finding]:
    """The findings of a stage of cdk.json."""
    try:
        findings, settings = doctor.configuration(doctor.read_context(ROOT), stage, date.today())
    except ConfigError as error:
        yield fail("configuration", one_line(error.problems[0]), "restore cdk.json from the repository")
        return
    if settings is None:
        yield from findings
        return
    local = stage == doctor.LOCAL
    target = doctor.local_target(Paths(ROOT), settings, os.environ) if local else doctor.aws_target(settings)
    if target is None:
        yield fail("local stage", "is not running", account.START_LOCAL)
        return
    identity, number = account.credentials(target, settings.account)
    yield identity
    if number is None:
        return
    try:
        found = {use_case.id: find_data(target, use_case.id) for use_case in USE_CASES}
        stores = {name: data for name, data in found.items() if data}
        yield from run(stores, Principals(target.client("iam"), number), decisions, apply=apply)
    except ApiError as error:
        yield fail("stores", one_line(error.__cause__ or error), "fix it, and run the command again")
    except CALL_ERRORS as error:
        yield fail("account", one_line(error), "fix it, and run the command again")


def parse(arguments: Sequence[str] | None = None) -> Any:
    """The command line: `stage`, `decisions`, `apply`."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.tools.callers", description="Moves data that is stored under ARNs of callers to their ids."
    )
    parser.add_argument("--stage", required=True, help="a stage of cdk.json: local, dev, ...")
    parser.add_argument("--share", metavar="ROLE", action="append", default=[], help="all sessions of ROLE may share")
    parser.add_argument("--same-user", metavar="ARN", action="append", default=[], help="this user stored the data")
    parser.add_argument("--map", metavar="ARN=ID", action="append", default=[], help="give this ARN's data to ID")
    parser.add_argument("--apply", action="store_true", help="move the data; otherwise only the plan is printed")
    options = parser.parse_args(arguments)
    mapped = {}
    for entry in options.map:
        # An ARN may contain an equals sign, an id does not.
        arn, _, caller = entry.rpartition("=")
        if not arn.startswith("arn:") or not (is_id(caller) or principal_id(caller) == caller):
            parser.error(
                f"--map {entry}: expected ARN=ID, with the id of a role (AROA...), user (AIDA...) or account, "
                "or the subject of a Cognito user"
            )
        mapped[arn] = caller
    options.decisions = Decisions(mapped, frozenset(options.share), frozenset(options.same_user))
    return options


def main() -> int:
    """Returns the exit code."""
    options = parse()
    try:
        return doctor.report(diagnose(options.stage, options.decisions, apply=options.apply))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
