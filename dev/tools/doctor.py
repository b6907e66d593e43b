"""`python -m dev.tools.doctor --stage STAGE`: checks the prerequisites of a stage.

It prints one line per check: `ok`, `warning`, or `fail`, a message, and advice. The exit code is 1 if a check fails.
It changes nothing.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from datetime import date
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from dev.local import environment, ports
from dev.local.environment import Endpoint
from dev.local.paths import ROOT, Paths
from dev.local.stage import EMULATOR
from dev.tools import account, credit_risk, hr_qa, models
from dev.tools.findings import CALL_ERRORS, Finding, Target, fail, ok, one_line, warning
from dev.tools.machine import machine_findings
from dev.tools.quotas import quotas
from dev.tools.stages import shell_region
from lambda_src.shared.catalog import Invocation
from stacks.config import StageSettings
from stacks.loading import ConfigError, load_stage

LOCAL = "local"
_LIMITS: dict[str, Any] = {"connect_timeout": 3, "read_timeout": 10, "retries": {"total_max_attempts": 2}}


def read_context(root: Path) -> Mapping[str, Any]:
    """The context in cdk.json. Raises `ConfigError`."""
    try:
        context = json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError([f"cdk.json cannot be read: {one_line(repr(error))}"]) from error
    if not isinstance(context, dict):
        raise ConfigError(["cdk.json: `context` is not an object"])
    return context


def configuration(context: Mapping[str, Any], stage: str, today: date) -> tuple[list[Finding], StageSettings | None]:
    """The problems of the stage's settings, and the settings if there are none."""
    try:
        settings = load_stage(context.get("stages"), stage, today=today, default_region=shell_region())
    except ConfigError as error:
        return [fail("configuration", one_line(problem), "fix it in cdk.json") for problem in error.problems], None
    return [ok("configuration", f"stage {stage} of cdk.json")], settings


def aws_target(settings: StageSettings) -> Target:
    """The account of the shell's credentials."""
    session = boto3.Session()
    return Target(settings.name, session, settings.region or session.region_name, options={"config": Config(**_LIMITS)})


def local_target(paths: Paths, settings: StageSettings, environ: MutableMapping[str, str]) -> Target | None:
    """The emulator with the deployment's credentials; None if it was never started.

    The caller's keys (`.local/env`) have permission for the APIs only.
    """
    port = ports.read(paths.ports).get(EMULATOR)
    authority = paths.tls / "ca.pem"
    if port is None or not authority.exists():
        return None
    endpoint = Endpoint(port, authority, settings.region or environment.DEFAULT_REGION)
    # The user's profile and endpoint settings must not apply here.
    for name in [name for name in environ if name.startswith("AWS_")]:
        del environ[name]
    environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    session = boto3.Session(environment.ROOT_KEY, environment.ROOT_KEY, region_name=endpoint.region)
    options = {
        "endpoint_url": endpoint.url,
        "verify": str(endpoint.authority),
        "config": Config(proxies={}, **_LIMITS),
    }
    return Target(LOCAL, session, endpoint.region, emulated=True, options=options)


def target_findings(
    target: Target,
    settings: StageSettings,
    context: Mapping[str, Any],
    today: date,
    environ: Mapping[str, str],
    port: int | None = None,
) -> Iterator[Finding]:
    """The checks of AWS, or of the emulator (on `port`)."""
    chosen = models.invocations(settings)
    others = [region for region in settings.models_by_region if region not in (None, settings.region)]
    yield from account.region(target, sorted(filter(None, others)), environ)
    for invocation, region in chosen:
        yield models.life_cycle(invocation, region, settings, today)
    if target.region is None:
        return
    identity, number = account.credentials(target, settings.account)
    yield identity
    if number is None:
        yield warning("account", "bootstrap, models, quotas, and endpoints were not checked", "fix the problem above")
        return
    yield account.bootstrap(target, number, context)
    yield account.api_logs(target)
    layer = account.adapter_layer(target, settings.streaming, settings.architecture)
    yield from filter(None, (layer, account.ui_image(target, settings.ui)))
    anthropic = {region or target.region for invocation, region in chosen if invocation.model.provider == "Anthropic"}
    for region in sorted(anthropic):
        yield account.first_use_form(target, region)
    by_region: dict[str, list[Invocation]] = {}
    for invocation, region in chosen:
        by_region.setdefault(region or target.region, []).append(invocation)
        yield from models.bedrock(invocation, target, region or target.region, today)
    for region, called in by_region.items():
        yield from quotas(called, target, region, settings.throttling.model_rate)
    yield from hr_qa.findings(target, settings)
    yield from credit_risk.findings(target, settings)
    yield from account.endpoints(target, [use_case.id for use_case in settings.chosen_use_cases], port)


def diagnose(stage: str, today: date, paths: Paths, environ: MutableMapping[str, str]) -> Iterator[Finding]:
    """Runs all checks of a stage."""
    yield from machine_findings(paths.root)
    try:
        context = read_context(paths.root)
    except ConfigError as error:
        yield fail("configuration", one_line(error.problems[0]), "restore cdk.json from the repository")
        return
    findings, settings = configuration(context, stage, today)
    yield from findings
    if settings is None:
        yield warning("account", "was not checked: its checks need the configuration", "fix the problems above")
        return
    try:
        target = local_target(paths, settings, environ) if stage == LOCAL else aws_target(settings)
    except CALL_ERRORS as error:
        yield fail("credentials", one_line(error), "fix the AWS settings of the shell (AWS_PROFILE, AWS_REGION)")
        return
    if target is None:
        yield fail("local stage", "is not running", account.START_LOCAL)
        return
    port = ports.read(paths.ports).get(EMULATOR) if target.emulated else None
    yield from target_findings(target, settings, context, today, environ, port)


def report(findings: Iterable[Finding]) -> int:
    """Prints findings as they arrive, and a summary. Returns the exit code: 1 if a check failed."""
    counts = {"ok": 0, "warning": 0, "fail": 0}
    for finding in findings:
        counts[finding.level] += 1
        print(finding, flush=True)
    print(", ".join(f"{count} {level}" for level, count in counts.items()))
    return 1 if counts["fail"] else 0


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.tools.doctor", description="Checks the prerequisites of a stage."
    )
    parser.add_argument("--stage", required=True, help="a stage of cdk.json: local, dev, ...")
    stage = parser.parse_args().stage
    try:
        return report(diagnose(stage, date.today(), Paths(ROOT), os.environ))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
