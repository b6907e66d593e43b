"""Checks of the account and region a stage goes to, and of what is deployed there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import NoCredentialsError, PartialCredentialsError

from dev.local.deployment import local_url
from dev.tools.findings import (
    CALL_ERRORS,
    Finding,
    Target,
    are_credentials_bad,
    cannot_look,
    error_code,
    fail,
    ok,
    one_line,
    warning,
)

# What CDK's default synthesizer asks for: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
_OLDEST_BOOTSTRAP = 6
_DEFAULT_QUALIFIER = "hnb659fds"
_SIGN_IN = "sign in (`aws sso login`, `aws login`), or set AWS_PROFILE or the access key's variables"
START_LOCAL = "start it with `make local`"


def credentials(target: Target, account: str | None) -> tuple[Finding, str | None]:
    """Who asks, and the number of the account; None when AWS does not know them, or could not be asked."""
    check = "credentials"
    try:
        identity = target.client("sts").get_caller_identity()
    except CALL_ERRORS as error:
        return _nobody(check, error, target), None
    found = str(identity["Account"])
    if account and found != account:
        return fail(
            check,
            f"{identity['Arn']} is in account {found}, but the stage's is {account}",
            f"use credentials of {account}, or change `account` of the stage in cdk.json",
        ), None
    return ok(check, f"{identity['Arn']} in account {found}"), found


def _nobody(check: str, error: Exception, target: Target) -> Finding:
    if target.emulated:
        return fail("local stage", f"does not answer: {one_line(error)}", START_LOCAL)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return fail(check, one_line(error), _SIGN_IN)
    if are_credentials_bad(error):
        return fail(check, f"AWS does not accept them: {error_code(error)}", _SIGN_IN)
    return fail(check, one_line(error), f"mend the network or proxy, or {_SIGN_IN}")


def region(target: Target, model_region: str | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Where the stage goes, and whether the shell sends it somewhere else."""
    if target.region is None:
        yield fail("region", "neither the stage nor the shell names one", "set `region` of the stage in cdk.json")
        return
    elsewhere = f", models are called in {model_region}" if model_region not in (None, target.region) else ""
    yield ok("region", f"{target.region}{elsewhere}")
    if not target.emulated and environ.get("AWS_ENDPOINT_URL"):
        yield warning(
            "endpoint",
            f"AWS_ENDPOINT_URL sends every call to {environ['AWS_ENDPOINT_URL']}, not to AWS",
            "unset it (a shell that sourced .local/env has it)",
        )


def bootstrap(target: Target, account: str, context: Mapping[str, Any]) -> Finding:
    """Whether CDK can deploy there: the version that the bootstrap stack wrote down."""
    check = "bootstrap"
    qualifier = context.get("@aws-cdk/core:bootstrapQualifier") or _DEFAULT_QUALIFIER
    name = f"/cdk-bootstrap/{qualifier}/version"
    cdk = "PATH=.venv/bin:$PATH node_modules/.bin/cdk"
    advice = f"run `{cdk} bootstrap -c stage={target.stage} aws://{account}/{target.region}`"
    if target.emulated:
        advice = "run `make local`"
    try:
        value = str(target.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    except CALL_ERRORS as error:
        if error_code(error) == "ParameterNotFound":
            return fail(check, f"{target.region} of {account} is not bootstrapped (SSM has no {name})", advice)
        return cannot_look(check, error, "ssm:GetParameter", target)
    if not value.isdigit() or int(value) < _OLDEST_BOOTSTRAP:
        return fail(check, f"version {one_line(value)}, needed is {_OLDEST_BOOTSTRAP} or newer", advice)
    return ok(check, f"version {value}")


def api_logs(target: Target) -> Finding:
    """The role that API Gateway writes logs with: one for an account and region, so no stack owns it."""
    check = "api gateway logs"
    try:
        role = target.client("apigateway").get_account().get("cloudwatchRoleArn")
    except CALL_ERRORS as error:
        return cannot_look(check, error, "apigateway:GET on /account", target)
    if role:
        return ok(check, f"written with {role}")
    if target.emulated:
        return ok(check, "no role, and the emulator needs none")
    return fail(
        check,
        f"API Gateway has no role for CloudWatch Logs in {target.region}: a deployment with access logs is refused",
        "once in the account and region: make a role that apigateway.amazonaws.com may assume, with the managed policy "
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs, then `aws apigateway update-account --patch-operations "
        "op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN`",
    )


def endpoints(target: Target, use_cases: Sequence[str], port: int | None = None) -> Iterator[Finding]:
    """The URL that each use case's stack published. `port` is the emulator's, for an address that answers here."""
    names = {f"/bedrock-endpoints/{target.stage}/{use_case.replace('_', '-')}/url": use_case for use_case in use_cases}
    try:
        found = target.client("ssm").get_parameters(Names=list(names))["Parameters"]
    except CALL_ERRORS as error:
        yield cannot_look("endpoints", error, "ssm:GetParameters", target)
        return
    urls = {parameter["Name"]: str(parameter["Value"]) for parameter in found}
    deploy = "make local" if target.emulated else f"make deploy STAGE={target.stage}"
    for name, use_case in names.items():
        check = f"endpoint {use_case.replace('_', '-')}"
        if name in urls:
            yield ok(check, (port and local_url(urls[name], port)) or urls[name])
        else:
            yield warning(check, f"not deployed (SSM has no {name})", f"`{deploy}`")
