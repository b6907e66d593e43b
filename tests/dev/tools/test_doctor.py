"""The doctor's checks with mock clients, for healthy accounts and for all errors."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from dev.local.paths import Paths
from dev.tools import account, doctor, models
from dev.tools.findings import Finding, Target, call_failed, fail, ok, warning
from dev.tools.quotas import quotas
from lambda_src.registry import MODEL_SETTINGS
from lambda_src.shared.catalog import resolve
from stacks.config import (
    ModelObject,
    ModelRegions,
    Models,
    StageSettings,
    StreamingSettings,
    Throttling,
    UiSettings,
)
from tests.fakes import client_error

TODAY = date(2026, 8, 1)
ACCOUNT, REGION = "123456789012", "us-west-2"
ARN = f"arn:aws:iam::{ACCOUNT}:user/ana"
CLAUDE, TITAN = "us.anthropic.claude-haiku-4-5-20251001-v1:0", "amazon.titan-embed-text-v2:0"


def only_models(**models: tuple[str, ...]) -> Models:
    """The models of the tested use cases; every other use case has none."""
    return Models(**{setting.name: models.get(setting.name, ()) for setting in MODEL_SETTINGS})


SETTINGS = StageSettings(
    name="dev",
    region=REGION,
    models=only_models(
        image_generation=("stability.stable-image-core-v1:1",),
        summarization=(CLAUDE,),
        embeddings=(TITAN,),
        chatbot=(CLAUDE,),
        playground=(CLAUDE,),
        hr_qa=(CLAUDE,),
        hr_qa_embeddings=(TITAN,),
    ),
)
HR_QA_VARIABLES = {
    **{"STAGE": "dev", "USE_CASE": "hr_qa", "TABLE_NAME": "table", "QUEUE_URL": "https://queue.test"},
    **{"SEARCH_ENDPOINT": "https://search.test", "SEARCH_INDEX": "chunks-1", "EMBEDDING_MODEL": TITAN},
}
AVAILABLE = {
    "authorizationStatus": "AUTHORIZED",
    "entitlementAvailability": "AVAILABLE",
    "agreementAvailability": {"status": "AVAILABLE"},
    "regionAvailability": "AVAILABLE",
}


def profile_answer(*regions: str, status: str = "ACTIVE") -> dict[str, Any]:
    arns = [f"arn:aws:bedrock:{region}::foundation-model/anthropic.claude" for region in regions]
    return {"status": status, "models": [{"modelArn": arn} for arn in arns]}


def quota(name: str, value: float) -> dict[str, Any]:
    return {"QuotaName": name, "Value": value}


ENOUGH = [
    quota("On-demand model inference requests per minute for Stability.ai Stable Image Core", 900),
    quota("Cross-region model inference requests per minute for Anthropic Claude Haiku 4.5 V1", 1000),
    quota("Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5 V1", 4_000_000),
    quota("On-demand model inference requests per minute for Amazon Titan Text Embeddings V2", 6000),
]


def own_model(**request: Any) -> dict[str, Any]:
    """Credit risk's table, with an active model that is no sample."""
    if request["Key"]["pk"]["S"] == "active":
        state = {"version": 1, "champion": {"model": "m", "cutOff": {"approve": 660, "refer": 600}}}
        return {"Item": {"state": {"B": json.dumps(state).encode()}}}
    record = {
        **{"id": "m", "name": "Own", "digest": "0" * 64, "origin": "registered", "sample": False, "currency": "USD"},
        **{"characteristics": [], "minimum": 300, "maximum": 850, "hasMetrics": True, "createdAt": "t"},
    }
    return {"Item": {"record": {"B": json.dumps(record).encode()}}}


class FakeClient:
    """A mock client with a response per operation; exceptions are raised, callables are called."""

    def __init__(self, answers: dict[str, Any], requests: list[tuple[str, dict[str, Any]]]) -> None:
        self._answers, self._requests = answers, requests

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation not in self._answers:
            raise AttributeError(operation)

        def call(**request: Any) -> Any:
            self._requests.append((operation, request))
            answer = self._answers[operation]
            if isinstance(answer, Exception):
                raise answer
            return answer(**request) if callable(answer) else answer

        return call

    def get_paginator(self, operation: str) -> "FakePaginator":
        return FakePaginator(getattr(self, operation))


class FakePaginator:
    """One quota, or one resource of a stack, per page."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        for item in self._call(**request):
            yield {"Quotas": [item], "StackResourceSummaries": [item]}


class FakeSession:
    """A mock session whose clients share the responses."""

    def __init__(self, **answers: Any) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.clients: list[tuple[str, str | None]] = []
        self._answers = {**healthy(), **answers}

    def get_partition_for_region(self, _region: str) -> str:
        return "aws"

    def client(self, service: str, region_name: str | None = None, **_options: Any) -> FakeClient:
        self.clients.append((service, region_name))
        return FakeClient({name: answer for name, answer in self._answers.items() if answer is not ...}, self.requests)


def healthy() -> dict[str, Any]:
    """The responses of a healthy account."""
    return {
        "get_caller_identity": {"Account": ACCOUNT, "Arn": ARN},
        "get_parameter": {"Parameter": {"Value": "30"}},
        "get_account": {"cloudwatchRoleArn": "arn:aws:iam::123456789012:role/logs"},
        "get_use_case_for_model_access": {"formData": b"{}"},
        "get_layer_version_by_arn": {"Version": 30},
        "describe_images": {"imageDetails": [{}]},
        "get_foundation_model": {"modelDetails": {"modelLifecycle": {"status": "ACTIVE"}}},
        "get_foundation_model_availability": AVAILABLE,
        "get_inference_profile": profile_answer("us-east-1", "us-west-2"),
        "list_service_quotas": ENOUGH,
        "list_stack_resources": [{"ResourceType": "AWS::Lambda::Function", "PhysicalResourceId": "ingestion"}],
        "get_function_configuration": {"Environment": {"Variables": HR_QA_VARIABLES}},
        "scan": {"Items": []},
        "get_item": own_model,
        "get_parameters": lambda Names: {"Parameters": [{"Name": n, "Value": f"https://{n}"} for n in Names]},
    }


def target(emulated: bool = False, **answers: Any) -> Target:
    return Target("local" if emulated else "dev", FakeSession(**answers), REGION, emulated)


def everything(at: Target, settings: StageSettings = SETTINGS) -> list[Finding]:
    return list(doctor.target_findings(at, settings, {}, TODAY, {}))


def of(findings: list[Finding], check: str) -> Finding:
    (match,) = [finding for finding in findings if finding.check == check]
    return match


def bedrock(invocation_id: str = TITAN, emulated: bool = False, **answers: Any) -> dict[str, Finding]:
    """Maps the checks of one model to their findings."""
    findings = models.bedrock(resolve(invocation_id), target(emulated, **answers), REGION, TODAY)
    return {finding.check.rpartition(" ")[2]: finding for finding in findings}


# All checks


def test_a_healthy_stage_has_only_ok_lines() -> None:
    at = Target("dev", FakeSession(), REGION)
    newest = "us.anthropic.claude-haiku-5-5"
    settings = msgspec.structs.replace(
        SETTINGS,
        models=only_models(
            image_generation=("stability.stable-image-core-v1:1", "stability.stable-image-ultra-v1:1"),
            embeddings=(TITAN,),
            hr_qa_embeddings=(TITAN,),
            **dict.fromkeys(("summarization", "playground", "chatbot", "hr_qa"), (newest,)),
        ),
    )
    newest_quotas = [quota(q["QuotaName"].replace("4.5 V1", "5.5"), q["Value"]) for q in ENOUGH]
    newest_quotas.append(
        quota("On-demand model inference requests per minute for Stability.ai Stable Image Ultra", 900)
    )
    at.session._answers["list_service_quotas"] = newest_quotas

    findings = everything(at, settings)

    assert [finding for finding in findings if finding.level != "ok"] == []
    assert doctor.report(findings) == 0


def test_models_are_checked_where_they_are_called_and_the_rest_in_the_stages_region() -> None:
    at = target()

    everything(at, msgspec.structs.replace(SETTINGS, model_regions=ModelRegions(embeddings="us-east-1")))

    regions: dict[str, set[str]] = {}
    for service, region in at.session.clients:
        regions.setdefault(service, set()).add(region)
    assert regions["bedrock"] == regions["service-quotas"] == {REGION, "us-east-1"}
    assert regions["ssm"] == regions["apigateway"] == regions["sts"] == {REGION}


def test_without_credentials_there_are_no_further_calls() -> None:
    at = target(get_caller_identity=NoCredentialsError())

    findings = everything(at)

    assert [operation for operation, _ in at.session.requests] == ["get_caller_identity"]
    assert of(findings, "credentials").level == "fail"
    assert "were not checked" in of(findings, "account").message
    assert doctor.report(findings) == 1


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException"),
        client_error("ThrottlingException", "slow\ndown"),
        client_error("ExpiredToken"),
        client_error("InternalServerException"),
        ConnectTimeoutError(endpoint_url="https://aws.test"),
        ReadTimeoutError(endpoint_url="https://aws.test"),
        EndpointConnectionError(endpoint_url="https://aws.test"),
        ValueError("Invalid endpoint"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("emulated", [False, True])
def test_every_error_of_every_call_is_reported_on_one_line(error: Exception, emulated: bool) -> None:
    calls = [name for name in healthy() if name != "get_caller_identity"]

    findings = everything(target(emulated, **dict.fromkeys(calls, error)))

    assert all("\n" not in str(finding) for finding in findings)
    for check in ("bootstrap", "api gateway logs", "quotas", "endpoints", f"{TITAN} model", f"{CLAUDE} profile"):
        assert of(findings, check).level != "ok"


def test_the_report_ends_with_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    code = doctor.report([ok("a", "1"), warning("b", "2", "look"), fail("c", "3", "fix it")])

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok       a: 1",
        "warning  b: 2 -> look",
        "fail     c: 3 -> fix it",
        "1 ok, 1 warning, 1 fail",
    ]


# Errors


def test_a_missing_permission_is_named() -> None:
    finding = call_failed("x", client_error("AccessDenied"), "ssm:GetParameter", target())

    assert finding.level == "warning"
    assert finding.message == "not checked: needs the action ssm:GetParameter"


def test_a_call_that_the_emulator_does_not_support_is_a_warning() -> None:
    finding = call_failed("x", client_error("400"), "servicequotas:ListServiceQuotas", target(emulated=True))

    assert finding.level == "warning"
    assert finding.message.startswith("not supported by the emulator")


# Account


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NoCredentialsError(), "Unable to locate credentials"),
        (PartialCredentialsError(provider="env", cred_var="secret"), "Partial credentials"),
        (client_error("ExpiredToken"), "rejects them: ExpiredToken"),
        (EndpointConnectionError(endpoint_url="https://sts.test"), "Could not connect"),
    ],
)
def test_invalid_credentials_fail(error: Exception, message: str) -> None:
    finding, number = account.credentials(target(get_caller_identity=error), None)

    assert (finding.level, number) == ("fail", None)
    assert message in finding.message
    assert "sign in" in finding.advice


def test_credentials_of_another_account_fail() -> None:
    finding, number = account.credentials(target(), "999999999999")

    assert (finding.level, number) == ("fail", None)
    assert "999999999999" in finding.message


def test_a_local_stage_that_does_not_respond_has_start_advice() -> None:
    error = EndpointConnectionError(endpoint_url="https://127.0.0.1:1")

    finding, _ = account.credentials(target(emulated=True, get_caller_identity=error), None)

    assert (finding.level, finding.check) == ("fail", "local stage")
    assert "make local" in finding.advice


def test_a_missing_region_fails_without_calls() -> None:
    session = FakeSession()

    findings = everything(Target("dev", session, None), msgspec.structs.replace(SETTINGS, region=None))

    assert of(findings, "region").level == "fail"
    assert session.requests == []


def test_a_shell_with_the_emulators_endpoint_is_a_warning() -> None:
    shell = {"AWS_ENDPOINT_URL": "https://127.0.0.1:1"}

    assert [finding.level for finding in account.region(target(), REGION, shell)] == ["ok", "warning"]
    assert [finding.level for finding in account.region(target(emulated=True), REGION, shell)] == ["ok"]


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        ({"Parameter": {"Value": "6"}}, "ok"),
        ({"Parameter": {"Value": "5"}}, "fail"),
        ({"Parameter": {"Value": "new"}}, "fail"),
        (client_error("ParameterNotFound"), "fail"),
        (client_error("AccessDeniedException"), "warning"),
    ],
)
def test_bootstrap(answer: Any, level: str) -> None:
    finding = account.bootstrap(target(get_parameter=answer), ACCOUNT, {})

    assert finding.level == level
    assert level != "fail" or f"aws://{ACCOUNT}/{REGION}" in finding.advice


def test_bootstrap_uses_the_qualifier_in_cdk_json() -> None:
    at = target()

    account.bootstrap(at, ACCOUNT, {"@aws-cdk/core:bootstrapQualifier": "abc"})

    assert at.session.requests == [("get_parameter", {"Name": "/cdk-bootstrap/abc/version"})]


def test_a_missing_role_for_gateway_logs_fails_on_aws_only() -> None:
    assert account.api_logs(target(get_account={})).level == "fail"
    assert "update-account" in account.api_logs(target(get_account={})).advice
    assert account.api_logs(target(emulated=True, get_account={})).level == "ok"


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        ({"formData": b"{}"}, "ok"),
        (client_error("ResourceNotFoundException"), "warning"),
        (client_error("AccessDeniedException"), "warning"),
    ],
)
def test_anthropics_form(answer: Any, level: str) -> None:
    assert account.first_use_form(target(get_use_case_for_model_access=answer), REGION).level == level


def test_the_form_matters_to_stages_with_anthropics_models_only() -> None:
    others = msgspec.structs.replace(SETTINGS, models=only_models(embeddings=(TITAN,)))

    assert of(everything(target()), "anthropic form").level == "ok"
    assert "anthropic form" not in [finding.check for finding in everything(target(), others)]


def test_the_web_adapters_layer_must_exist() -> None:
    missing = client_error("ResourceNotFoundException")
    arn = f"arn:aws:lambda:{REGION}:753240598075:layer:LambdaAdapterLayerArm64:30"

    found = account.adapter_layer(target(), StreamingSettings(), "arm64")
    assert found == ok("web adapter layer", arn)
    finding = account.adapter_layer(target(get_layer_version_by_arn=missing), StreamingSettings(), "x86_64")
    assert finding is not None
    assert finding.level == "fail"
    assert "LambdaAdapterLayerX86" in finding.message
    assert account.adapter_layer(target(), StreamingSettings(adapter=False), "arm64") is None


@pytest.mark.parametrize(
    ("image", "expected"),
    [("repo/page:7", {"imageTag": "7"}), ("page@sha256:" + 64 * "a", {"imageDigest": "sha256:" + 64 * "a"})],
)
def test_the_web_uis_image_must_exist(image: str, expected: dict[str, str]) -> None:
    ui = UiSettings(type="express", image=f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/{image}")
    at = target()

    assert account.ui_image(at, ui) == ok("web ui image", str(ui.image))
    ((operation, request),) = at.session.requests
    assert (operation, request["registryId"], request["imageIds"]) == ("describe_images", "111122223333", [expected])
    assert at.session.clients == [("ecr", "eu-west-1")]
    for code in ("ImageNotFoundException", "RepositoryNotFoundException"):
        finding = account.ui_image(target(describe_images=client_error(code)), ui)
        assert finding is not None
        assert finding.level == "fail"
    assert account.ui_image(target(), UiSettings()) is None


def test_undeployed_endpoints_are_warnings() -> None:
    parameters = [{"Name": "/bedrock-endpoints/dev/embeddings/url", "Value": "https://e"}]
    at = target(get_parameters={"Parameters": parameters})

    findings = list(account.endpoints(at, ["image_generation", "embeddings"]))

    assert [(finding.level, finding.check) for finding in findings] == [
        ("warning", "endpoint image-generation"),
        ("ok", "endpoint embeddings"),
    ]
    assert findings[0].advice == "`make deploy STAGE=dev`"


def test_a_local_endpoint_is_shown_with_its_local_url() -> None:
    value = "https://abc123.execute-api.us-west-2.amazonaws.com/v1/"
    at = target(
        emulated=True,
        get_parameters={"Parameters": [{"Name": "/bedrock-endpoints/local/embeddings/url", "Value": value}]},
    )

    (finding,) = account.endpoints(at, ["embeddings"], port=4566)

    assert finding.message == "https://localhost:4566/_aws/execute-api/abc123/v1/"


# Models


@pytest.mark.parametrize(
    ("today", "model", "allowed", "level"),
    [
        (date(2026, 1, 1), CLAUDE, (), "ok"),
        (date(2026, 8, 1), CLAUDE, (), "warning"),
        (date(2026, 11, 1), CLAUDE, (), "warning"),
        (date(2026, 8, 1), TITAN, (), "ok"),
        # An active model's date is the earliest possible one; a legacy model's date is announced.
        (date(2026, 9, 20), CLAUDE, (), "warning"),
        (date(2026, 8, 1), "amazon.nova-canvas-v1:0", (), "warning"),
        (date(2026, 8, 31), "amazon.nova-canvas-v1:0", (), "fail"),
        (date(2026, 8, 31), "amazon.nova-canvas-v1:0", ("amazon.nova-canvas-v1:0",), "warning"),
        (date(2026, 10, 1), "amazon.nova-canvas-v1:0", (), "fail"),
        (date(2026, 10, 1), "amazon.nova-canvas-v1:0", ("amazon.nova-canvas-v1:0",), "warning"),
    ],
)
def test_life_cycle(today: date, model: str, allowed: tuple[str, ...], level: str) -> None:
    settings = msgspec.structs.replace(SETTINGS, allow_ended_models=allowed)

    finding = models.life_cycle(resolve(model), REGION, settings, today)

    assert finding.level == level


def test_a_model_of_two_use_cases_is_checked_once() -> None:
    settings = msgspec.structs.replace(
        SETTINGS, models=only_models(summarization=(CLAUDE,), embeddings=(TITAN,), hr_qa_embeddings=(TITAN,))
    )

    assert [invocation.id for invocation, _ in models.invocations(settings)].count(TITAN) == 1


def test_a_model_with_and_without_an_application_profile_is_checked_once() -> None:
    profile = ModelObject(arn="arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/abc", model=TITAN)
    settings = msgspec.structs.replace(SETTINGS, models=Models(embeddings=(TITAN,), hr_qa_embeddings=(profile,)))

    assert [invocation.id for invocation, _ in models.invocations(settings)] == [TITAN]


@pytest.mark.parametrize(
    ("lifecycle", "level"),
    [
        ({"status": "ACTIVE"}, "ok"),
        # These differ from the catalog.
        ({"status": "ACTIVE", "endOfLifeTime": datetime(2028, 1, 1, tzinfo=UTC)}, "warning"),
        ({"status": "ACTIVE", "legacyTime": datetime(2027, 1, 1, tzinfo=UTC)}, "warning"),
        ({"status": "ACTIVE", "endOfLifeTime": datetime(2026, 9, 1, tzinfo=UTC)}, "warning"),
        ({"status": "ACTIVE", "endOfLifeTime": datetime(2026, 8, 31, tzinfo=UTC)}, "fail"),
        ({"status": "LEGACY"}, "warning"),
        ({"status": "LEGACY", "endOfLifeTime": datetime(2027, 7, 1, tzinfo=UTC)}, "warning"),
        ({"status": "LEGACY", "endOfLifeTime": datetime(2026, 8, 31, tzinfo=UTC)}, "fail"),
        ({"status": "LEGACY", "endOfLifeTime": datetime(2026, 7, 1, tzinfo=UTC)}, "fail"),
        ({}, "warning"),
        ({"status": "NEW"}, "warning"),
    ],
)
def test_the_models_state_in_bedrock(lifecycle: dict[str, Any], level: str) -> None:
    findings = bedrock(get_foundation_model={"modelDetails": {"modelLifecycle": lifecycle}})

    assert findings["model"].level == level


def test_a_difference_from_the_catalog_is_named() -> None:
    state = {"status": "ACTIVE", "endOfLifeTime": datetime(2028, 1, 1, tzinfo=UTC)}

    finding = bedrock(CLAUDE, get_foundation_model={"modelDetails": {"modelLifecycle": state}})["model"]

    assert finding.message == "ACTIVE in Bedrock, until 2028-01-01; active, end of life 2026-10-16 in the catalog"
    assert finding.advice.startswith("update its row in lambda_src/shared/models.json")


def test_a_start_of_extended_access_that_the_catalog_lacks_is_named() -> None:
    state = {"status": "LEGACY", "legacyTime": "2026-02-01", "publicExtendedAccessTime": "2027-01-01"}

    finding = bedrock(CLAUDE, get_foundation_model={"modelDetails": {"modelLifecycle": state}})["model"]

    assert finding.message.startswith("LEGACY since 2026-02-01, extended access from 2027-01-01 in Bedrock; active, ")


def test_a_date_missing_in_bedrock_is_not_a_difference() -> None:
    assert bedrock(CLAUDE)["model"] == ok(f"{CLAUDE} model", "ACTIVE in Bedrock")


def test_an_end_within_a_month_is_reported_in_days() -> None:
    state = {"status": "LEGACY", "legacyTime": "2026-02-01", "endOfLifeTime": "2026-08-15"}

    finding = bedrock(get_foundation_model={"modelDetails": {"modelLifecycle": state}})["model"]

    assert finding.message.startswith("LEGACY since 2026-02-01 in Bedrock, ends on 2026-08-15, in 14 days; ")
    assert finding.advice == "choose another model now"


def test_the_emulators_state_is_not_compared_with_the_catalog() -> None:
    state = {"status": "ACTIVE", "endOfLifeTime": datetime(2028, 1, 1, tzinfo=UTC)}

    finding = bedrock(emulated=True, get_foundation_model={"modelDetails": {"modelLifecycle": state}})["model"]

    assert (finding.level, finding.message) == ("ok", "ACTIVE in the emulator, until 2028-01-01")


def test_an_unknown_model_fails_unless_it_has_a_profile() -> None:
    unknown = client_error("ValidationException", "The provided model identifier is invalid.")

    assert bedrock(TITAN, get_foundation_model=unknown)["model"].level == "fail"
    assert bedrock(CLAUDE, get_foundation_model=unknown)["model"].level == "warning"
    assert (
        "not supported by the emulator" in bedrock(TITAN, emulated=True, get_foundation_model=unknown)["model"].message
    )


@pytest.mark.parametrize(
    ("model", "change", "level"),
    [
        (TITAN, {}, "ok"),
        (TITAN, {"authorizationStatus": "NOT_AUTHORIZED"}, "fail"),
        (TITAN, {"entitlementAvailability": "NOT_AVAILABLE"}, "fail"),
        (TITAN, {"regionAvailability": "NOT_AVAILABLE"}, "fail"),
        (CLAUDE, {"regionAvailability": "NOT_AVAILABLE"}, "ok"),
        (CLAUDE, {"agreementAvailability": {"status": "PENDING"}}, "warning"),
        (CLAUDE, {"agreementAvailability": {"status": "NOT_AVAILABLE"}}, "fail"),
        (CLAUDE, {"agreementAvailability": {"status": "ERROR", "errorMessage": "no form"}}, "fail"),
    ],
)
def test_access(model: str, change: dict[str, Any], level: str) -> None:
    finding = bedrock(model, get_foundation_model_availability={**AVAILABLE, **change})["access"]

    assert finding.level == level
    assert level != "fail" or finding.advice


def test_a_missing_anthropic_agreement_mentions_the_form() -> None:
    answer = {**AVAILABLE, "agreementAvailability": {"status": "NOT_AVAILABLE"}}

    assert "first-use form" in bedrock(CLAUDE, get_foundation_model_availability=answer)["access"].advice


def test_a_boto3_without_the_operation_is_a_warning() -> None:
    assert bedrock(get_foundation_model_availability=...)["access"].level == "warning"


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (profile_answer("us-east-1", "us-east-2", "us-west-2"), "ok"),
        (profile_answer("us-east-1", "us-west-9"), "fail"),
        (profile_answer("us-east-1", status="GONE"), "warning"),
        (client_error("ResourceNotFoundException"), "fail"),
        (client_error("AccessDeniedException"), "warning"),
    ],
)
def test_profile(answer: Any, level: str) -> None:
    finding = bedrock(CLAUDE, get_inference_profile=answer)["profile"]

    assert finding.level == level


def test_a_destination_without_permission_is_named() -> None:
    finding = bedrock(CLAUDE, get_inference_profile=profile_answer("us-east-1", "us-west-9"))["profile"]

    assert "no permission for us-west-9" in finding.message


def test_a_global_profile_can_route_anywhere() -> None:
    findings = bedrock("global.anthropic.claude-haiku-5-5", get_inference_profile=profile_answer("", "xx-new-1"))

    assert findings["profile"].level == "ok"


# Quotas


def test_a_zero_quota_fails_and_a_small_one_is_a_warning() -> None:
    chosen = [invocation for invocation, _ in models.invocations(SETTINGS)]
    listed = [quota(ENOUGH[0]["QuotaName"], 0), quota(ENOUGH[1]["QuotaName"], 100)]

    findings = list(quotas(chosen, target(list_service_quotas=listed), REGION, Throttling().model_rate))

    assert [finding.level for finding in findings] == ["fail", "warning", "warning"]
    assert findings[0].message == "0 requests per minute"
    assert findings[1].message == "100 requests per minute; the gateway allows 300 requests per minute"
    assert "has none" in findings[2].message


# Configuration


def test_all_problems_of_a_stage_are_listed() -> None:
    context = {"stages": {"dev": {"regoin": "us-west-2", "logRetentionDays": "x"}}}

    findings, settings = doctor.configuration(context, "dev", TODAY)

    assert settings is None
    assert [finding.level for finding in findings] == ["fail", "fail"]
    assert "did you mean region?" in findings[0].message


@pytest.mark.parametrize("text", ["", "{", "[]", '{"context": []}'])
def test_an_invalid_cdk_json_is_reported(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cdk.json").write_text(text)
    monkeypatch.setattr(doctor, "machine_findings", lambda _root: [])

    (finding,) = doctor.diagnose("dev", TODAY, Paths(tmp_path), {})

    assert (finding.level, finding.check) == ("fail", "configuration")


def test_a_local_stage_that_was_never_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"stages": {"local": {"region": REGION}}}}))
    monkeypatch.setattr(doctor, "machine_findings", lambda _root: [])

    findings = list(doctor.diagnose("local", TODAY, Paths(tmp_path), {}))

    assert str(findings[-1]) == "fail     local stage: is not running -> start it with `make local`"


def test_the_local_target_uses_the_deployments_keys_and_no_shell_settings(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.make()
    paths.ports.write_text('{"emulator": 4566}')
    (paths.tls / "ca.pem").touch()
    environ = {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL": "https://elsewhere", "HOME": "home"}

    at = doctor.local_target(paths, SETTINGS, environ)

    assert at is not None
    assert at.emulated
    assert at.options["endpoint_url"] == "https://127.0.0.1:4566"
    assert at.session.get_credentials().access_key == "test"
    assert sorted(environ) == ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "HOME"]


def test_a_missing_profile_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"stages": {"dev": {"region": REGION}}}}))
    monkeypatch.setattr(doctor, "machine_findings", lambda _root: [])
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    findings = list(doctor.diagnose("dev", TODAY, Paths(tmp_path), {}))

    assert (findings[-1].level, findings[-1].check) == ("fail", "credentials")
