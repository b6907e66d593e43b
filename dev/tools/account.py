"""Checks of a stage's account and region, and of its deployment."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import NoCredentialsError, PartialCredentialsError

from dev.local.deployment import local_url
from dev.tools.findings import (
    CALL_ERRORS,
    Finding,
    Target,
    are_credentials_bad,
    call_failed,
    error_code,
    fail,
    ok,
    one_line,
    warning,
)

# Required by CDK's default synthesizer: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
_OLDEST_BOOTSTRAP = 6
_DEFAULT_QUALIFIER = "hnb659fds"
_SIGN_IN = "sign in (`aws sso login`, `aws login`), or set AWS_PROFILE or the access key's variables"
START_LOCAL = "start it with `make local`"


def credentials(target: Target, account: str | None) -> tuple[Finding, str | None]:
    """The caller's identity, and the account's id; None if AWS rejects the credentials or cannot be reached."""
    check = "credentials"
    try:
        identity = target.client("sts").get_caller_identity()
    except CALL_ERRORS as error:
        return _no_identity(check, error, target), None
    account_id = str(identity["Account"])
    if account and account_id != account:
        return fail(
            check,
            f"{identity['Arn']} is in account {account_id}, but the stage's account is {account}",
            f"use credentials of {account}, or change `account` of the stage in cdk.json",
        ), None
    return ok(check, f"{identity['Arn']} in account {account_id}"), account_id


def _no_identity(check: str, error: Exception, target: Target) -> Finding:
    if target.emulated:
        return fail("local stage", f"does not respond: {one_line(error)}", START_LOCAL)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return fail(check, one_line(error), _SIGN_IN)
    if are_credentials_bad(error):
        return fail(check, f"AWS rejects them: {error_code(error)}", _SIGN_IN)
    return fail(check, one_line(error), f"fix the network or proxy, or {_SIGN_IN}")


def region(target: Target, model_regions: Sequence[str], environ: Mapping[str, str]) -> Iterator[Finding]:
    """The stage's region, and whether the shell redirects AWS calls."""
    if target.region is None:
        yield fail("region", "neither the stage nor the shell sets one", "set `region` of the stage in cdk.json")
        return
    models_in = f", models are also called in {', '.join(model_regions)}" if model_regions else ""
    yield ok("region", f"{target.region}{models_in}")
    if not target.emulated and environ.get("AWS_ENDPOINT_URL"):
        yield warning(
            "endpoint",
            f"AWS_ENDPOINT_URL sends every call to {environ['AWS_ENDPOINT_URL']}, not to AWS",
            "unset it (a shell that sourced .local/env has it)",
        )


def bootstrap(target: Target, account: str, context: Mapping[str, Any]) -> Finding:
    """Whether CDK can deploy: the version of the bootstrap stack."""
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
        return call_failed(check, error, "ssm:GetParameter", target)
    if not value.isdigit() or int(value) < _OLDEST_BOOTSTRAP:
        return fail(check, f"version {one_line(value)}; version {_OLDEST_BOOTSTRAP} or newer is required", advice)
    return ok(check, f"version {value}")


def api_logs(target: Target) -> Finding:
    """API Gateway's role for logs: there is one per account and region, so no stack owns it."""
    check = "api gateway logs"
    try:
        role = target.client("apigateway").get_account().get("cloudwatchRoleArn")
    except CALL_ERRORS as error:
        return call_failed(check, error, "apigateway:GET on /account", target)
    if role:
        return ok(check, f"written with {role}")
    if target.emulated:
        return ok(check, "no role; the emulator does not need one")
    return fail(
        check,
        f"API Gateway has no role for CloudWatch Logs in {target.region}: deployments with access logs fail",
        "once per account and region: create a role that apigateway.amazonaws.com can assume, with the managed policy "
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs, then `aws apigateway update-account --patch-operations "
        "op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN`",
    )


def endpoints(target: Target, use_cases: Sequence[str], port: int | None = None) -> Iterator[Finding]:
    """The published URLs of the use cases. With the emulator's `port`, local URLs are shown."""
    names = {f"/bedrock-endpoints/{target.stage}/{use_case.replace('_', '-')}/url": use_case for use_case in use_cases}
    try:
        parameters = target.client("ssm").get_parameters(Names=list(names))["Parameters"]
    except CALL_ERRORS as error:
        yield call_failed("endpoints", error, "ssm:GetParameters", target)
        return
    urls = {parameter["Name"]: str(parameter["Value"]) for parameter in parameters}
    deploy = "make local" if target.emulated else f"make deploy STAGE={target.stage}"
    for name, use_case in names.items():
        check = f"endpoint {use_case.replace('_', '-')}"
        if name in urls:
            yield ok(check, (port and local_url(urls[name], port)) or urls[name])
        else:
            yield warning(check, f"not deployed (SSM has no {name})", f"`{deploy}`")
