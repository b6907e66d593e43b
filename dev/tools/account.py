"""Checks of a stage's account and region, and of its deployment."""

import re
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
from stacks.common.web_adapter import public_layer
from stacks.config import StreamingSettings, UiSettings

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


def first_use_form(target: Target, model_region: str) -> Finding:
    """Anthropic's form, which an account fills in once before it may use their models."""
    check = "anthropic form"
    try:
        target.client("bedrock", model_region).get_use_case_for_model_access()
    except CALL_ERRORS as error:
        if error_code(error) == "ResourceNotFoundException":
            return warning(
                check,
                "this account has not submitted it",
                "open an Anthropic model in the Bedrock console's model catalog and submit the use case, unless the "
                "organization's management account has",
            )
        return call_failed(check, error, "bedrock:GetUseCaseForModelAccess", target)
    return ok(check, "submitted")


def adapter_layer(target: Target, streaming: StreamingSettings, architecture: str) -> Finding | None:
    """The layer of the streaming functions; None if the stage has none."""
    if not streaming.adapter:
        return None
    check = "web adapter layer"
    partition = target.session.get_partition_for_region(target.region)
    arn = streaming.layer_arn or public_layer(partition, str(target.region), architecture)
    try:
        target.client("lambda").get_layer_version_by_arn(Arn=arn)
    except CALL_ERRORS as error:
        if error_code(error) == "ResourceNotFoundException":
            return fail(check, f"{arn} does not exist", "set `streaming.layerArn`, or turn `streaming.adapter` off")
        return call_failed(check, error, "lambda:GetLayerVersion", target)
    return ok(check, arn)


def ui_image(target: Target, ui: UiSettings) -> Finding | None:
    """The web UI's container image: ECS would wait up to three hours for a missing one. None if there is no web UI."""
    match = re.fullmatch(r"(\d{12})\.dkr\.ecr\.([^.]+)\.[^/]+/([^:@]+)(?::([^@]+)|@(.+))", ui.image or "")
    if not ui.deployed or match is None:
        return None
    check = "web ui image"
    account, region, repository, tag, digest = match.groups()
    image = {"imageTag": tag} if tag else {"imageDigest": digest}
    try:
        client = target.client("ecr", region)
        client.describe_images(registryId=account, repositoryName=repository, imageIds=[image])
    except CALL_ERRORS as error:
        if error_code(error) in ("ImageNotFoundException", "RepositoryNotFoundException"):
            return fail(check, f"{ui.image} does not exist", "push it: docs/how-to/run-the-web-ui.md")
        return call_failed(check, error, "ecr:DescribeImages", target)
    return ok(check, str(ui.image))


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
