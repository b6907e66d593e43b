"""The doctor's checks against clients that answer from a table: AWS's answers, and each way in which it has none."""

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
from dev.tools.findings import Finding, Target, cannot_look, fail, ok, warning
from dev.tools.quotas import quotas
from lambda_src.registry import MODEL_SETTINGS
from lambda_src.shared.catalogue import resolve
from stacks.config import Models, StageSettings, Throttling
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


class FakeClient:
    """Answers each operation from a table; an exception in it is raised, a callable is asked."""

    def __init__(self, answers: dict[str, Any], seen: list[tuple[str, dict[str, Any]]]) -> None:
        self._answers, self._seen = answers, seen

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation not in self._answers:
            raise AttributeError(operation)

        def call(**request: Any) -> Any:
            self._seen.append((operation, request))
            answer = self._answers[operation]
            if isinstance(answer, Exception):
                raise answer
            return answer(**request) if callable(answer) else answer

        return call

    def get_paginator(self, operation: str) -> "FakePaginator":
        return FakePaginator(getattr(self, operation))


class FakePaginator:
    """One quota a page."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        for item in self._call(**request):
            yield {"Quotas": [item]}


class FakeSession:
    """A session whose clients all share one table of answers."""

    def __init__(self, **answers: Any) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.clients: list[tuple[str, str | None]] = []
        self._answers = {**healthy(), **answers}

    def client(self, service: str, region_name: str | None = None, **_options: Any) -> FakeClient:
        self.clients.append((service, region_name))
        return FakeClient({name: answer for name, answer in self._answers.items() if answer is not ...}, self.seen)


def healthy() -> dict[str, Any]:
    """What an account answers in which everything is well."""
    return {
        "get_caller_identity": {"Account": ACCOUNT, "Arn": ARN},
        "get_parameter": {"Parameter": {"Value": "30"}},
        "get_account": {"cloudwatchRoleArn": "arn:aws:iam::123456789012:role/logs"},
        "get_foundation_model": {"modelDetails": {"modelLifecycle": {"status": "ACTIVE"}}},
        "get_foundation_model_availability": AVAILABLE,
        "get_inference_profile": profile_answer("us-east-1", "us-west-2"),
        "list_service_quotas": ENOUGH,
        "get_parameters": lambda Names: {"Parameters": [{"Name": n, "Value": f"https://{n}"} for n in Names]},
    }


def target(emulated: bool = False, **answers: Any) -> Target:
    return Target("local" if emulated else "dev", FakeSession(**answers), REGION, emulated)


def everything(at: Target, settings: StageSettings = SETTINGS) -> list[Finding]:
    return list(doctor.target_findings(at, settings, {}, TODAY, {}))


def of(findings: list[Finding], check: str) -> Finding:
    (found,) = [finding for finding in findings if finding.check == check]
    return found


def bedrock(invocation_id: str = TITAN, emulated: bool = False, **answers: Any) -> dict[str, Finding]:
    """What the check -> its finding, of one model."""
    found = models.bedrock(resolve(invocation_id), target(emulated, **answers), REGION, TODAY)
    return {finding.check.rpartition(" ")[2]: finding for finding in found}


# The whole


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
    quotas_of_it = [quota(q["QuotaName"].replace("4.5 V1", "5.5"), q["Value"]) for q in ENOUGH]
    quotas_of_it.append(quota("On-demand model inference requests per minute for Stability.ai Stable Image Ultra", 900))
    at.session._answers["list_service_quotas"] = quotas_of_it

    found = everything(at, settings)

    assert [finding for finding in found if finding.level != "ok"] == []
    assert doctor.report(found) == 0


def test_the_calls_go_to_the_region_of_the_models_and_the_others_to_the_stages() -> None:
    at = target()

    everything(at, msgspec.structs.replace(SETTINGS, model_region="us-east-1"))

    regions = dict(at.session.clients)
    assert regions["bedrock"] == regions["service-quotas"] == "us-east-1"
    assert regions["ssm"] == regions["apigateway"] == regions["sts"] == REGION


def test_without_credentials_nothing_else_is_asked() -> None:
    at = target(get_caller_identity=NoCredentialsError())

    found = everything(at)

    assert [operation for operation, _ in at.session.seen] == ["get_caller_identity"]
    assert of(found, "credentials").level == "fail"
    assert "were not looked at" in of(found, "account").found
    assert doctor.report(found) == 1


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
def test_every_error_of_every_call_becomes_one_line(error: Exception, emulated: bool) -> None:
    calls = [name for name in healthy() if name != "get_caller_identity"]

    found = everything(target(emulated, **dict.fromkeys(calls, error)))

    assert all("\n" not in str(finding) for finding in found)
    for check in ("bootstrap", "api gateway logs", "quotas", "endpoints", f"{TITAN} model", f"{CLAUDE} profile"):
        assert of(found, check).level != "ok"


def test_the_report_ends_with_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    code = doctor.report([ok("a", "1"), warning("b", "2", "look"), fail("c", "3", "mend it")])

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok       a: 1",
        "warning  b: 2 -> look",
        "fail     c: 3 -> mend it",
        "1 ok, 1 warning, 1 fail",
    ]


# Errors


def test_a_missing_right_is_named() -> None:
    found = cannot_look("x", client_error("AccessDenied"), "ssm:GetParameter", target())

    assert found.level == "warning"
    assert found.found == "cannot look: needs action ssm:GetParameter"


def test_what_the_emulator_does_not_know_is_a_warning() -> None:
    found = cannot_look("x", client_error("400"), "servicequotas:ListServiceQuotas", target(emulated=True))

    assert found.level == "warning"
    assert found.found.startswith("the emulator cannot say")


# Account


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoCredentialsError(), "Unable to locate credentials"),
        (PartialCredentialsError(provider="env", cred_var="secret"), "Partial credentials"),
        (client_error("ExpiredToken"), "does not accept them: ExpiredToken"),
        (EndpointConnectionError(endpoint_url="https://sts.test"), "Could not connect"),
    ],
)
def test_credentials_that_do_not_work_fail(error: Exception, says: str) -> None:
    found, number = account.credentials(target(get_caller_identity=error), None)

    assert (found.level, number) == ("fail", None)
    assert says in found.found
    assert "sign in" in found.advice


def test_credentials_of_another_account_fail() -> None:
    found, number = account.credentials(target(), "999999999999")

    assert (found.level, number) == ("fail", None)
    assert "999999999999" in found.found


def test_a_local_stage_that_does_not_answer_says_how_to_start_it() -> None:
    error = EndpointConnectionError(endpoint_url="https://127.0.0.1:1")

    found, _ = account.credentials(target(emulated=True, get_caller_identity=error), None)

    assert (found.level, found.check) == ("fail", "local stage")
    assert "make local" in found.advice


def test_no_region_fails_and_nothing_is_asked() -> None:
    session = FakeSession()

    found = everything(Target("dev", session, None), msgspec.structs.replace(SETTINGS, region=None))

    assert of(found, "region").level == "fail"
    assert session.seen == []


def test_a_shell_that_points_to_the_emulator_is_warned_about() -> None:
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
    found = account.bootstrap(target(get_parameter=answer), ACCOUNT, {})

    assert found.level == level
    assert level != "fail" or f"aws://{ACCOUNT}/{REGION}" in found.advice


def test_bootstrap_looks_for_the_qualifier_of_cdk_json() -> None:
    at = target()

    account.bootstrap(at, ACCOUNT, {"@aws-cdk/core:bootstrapQualifier": "abc"})

    assert at.session.seen == [("get_parameter", {"Name": "/cdk-bootstrap/abc/version"})]


def test_a_missing_role_for_the_gateways_logs_fails_on_aws_only() -> None:
    assert account.api_logs(target(get_account={})).level == "fail"
    assert "update-account" in account.api_logs(target(get_account={})).advice
    assert account.api_logs(target(emulated=True, get_account={})).level == "ok"


def test_endpoints_that_are_not_deployed_are_warnings() -> None:
    parameters = [{"Name": "/bedrock-endpoints/dev/embeddings/url", "Value": "https://e"}]
    at = target(get_parameters={"Parameters": parameters})

    found = list(account.endpoints(at, ["image_generation", "embeddings"]))

    assert [(finding.level, finding.check) for finding in found] == [
        ("warning", "endpoint image-generation"),
        ("ok", "endpoint embeddings"),
    ]
    assert found[0].advice == "`make deploy STAGE=dev`"


def test_a_local_endpoint_is_shown_with_the_address_that_answers_here() -> None:
    value = "https://abc123.execute-api.us-west-2.amazonaws.com/v1/"
    at = target(
        emulated=True,
        get_parameters={"Parameters": [{"Name": "/bedrock-endpoints/local/embeddings/url", "Value": value}]},
    )

    (found,) = account.endpoints(at, ["embeddings"], port=4566)

    assert found.found == "https://localhost:4566/_aws/execute-api/abc123/v1/"


# Models


@pytest.mark.parametrize(
    ("today", "model", "allowed", "level"),
    [
        (date(2026, 1, 1), CLAUDE, (), "ok"),
        (date(2026, 8, 1), CLAUDE, (), "warning"),
        (date(2026, 11, 1), CLAUDE, (), "warning"),
        (date(2026, 8, 1), TITAN, (), "ok"),
        # An active model's day is the earliest possible one, the other's is announced.
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

    found = models.life_cycle(resolve(model), settings, today)

    assert found.level == level


def test_a_model_of_two_use_cases_is_looked_at_once() -> None:
    settings = msgspec.structs.replace(SETTINGS, models=Models(summarization=(TITAN, "no.such"), embeddings=(TITAN,)))

    assert [one.id for one in models.invocations(settings)].count(TITAN) == 1


@pytest.mark.parametrize(
    ("lifecycle", "level"),
    [
        ({"status": "ACTIVE"}, "ok"),
        # The catalogue has no such day, or another state.
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
def test_the_state_that_bedrock_tells(lifecycle: dict[str, Any], level: str) -> None:
    found = bedrock(get_foundation_model={"modelDetails": {"modelLifecycle": lifecycle}})

    assert found["model"].level == level


def test_what_bedrock_tells_otherwise_than_the_catalogue_is_named() -> None:
    state = {"status": "ACTIVE", "endOfLifeTime": datetime(2028, 1, 1, tzinfo=UTC)}

    found = bedrock(CLAUDE, get_foundation_model={"modelDetails": {"modelLifecycle": state}})["model"]

    assert found.found == "Bedrock says ACTIVE, until 2028-01-01; the catalogue has active, end of life 2026-10-01"
    assert found.advice.startswith("write what Bedrock says into its row in lambda_src/shared/catalogue.py")


def test_a_day_that_the_catalogue_has_and_bedrock_does_not_tell_is_no_difference() -> None:
    assert bedrock(CLAUDE)["model"] == ok(f"{CLAUDE} model", "Bedrock says ACTIVE")


def test_an_end_within_a_month_says_in_how_many_days() -> None:
    state = {"status": "LEGACY", "legacyTime": "2026-02-01", "endOfLifeTime": "2026-08-15"}

    found = bedrock(get_foundation_model={"modelDetails": {"modelLifecycle": state}})["model"]

    assert found.found.startswith("Bedrock says LEGACY since 2026-02-01, ends on 2026-08-15, in 14 days; the catalogue")
    assert found.advice == "choose another model now"


def test_what_the_emulator_tells_is_nothing_for_the_catalogue() -> None:
    state = {"status": "ACTIVE", "endOfLifeTime": datetime(2028, 1, 1, tzinfo=UTC)}

    found = bedrock(emulated=True, get_foundation_model={"modelDetails": {"modelLifecycle": state}})["model"]

    assert (found.level, found.found) == ("ok", "the emulator says ACTIVE, until 2028-01-01")


def test_a_model_that_bedrock_does_not_have_fails_unless_a_profile_leads_to_it() -> None:
    unknown = client_error("ValidationException", "The provided model identifier is invalid.")

    assert bedrock(TITAN, get_foundation_model=unknown)["model"].level == "fail"
    assert bedrock(CLAUDE, get_foundation_model=unknown)["model"].level == "warning"
    assert "emulator cannot say" in bedrock(TITAN, emulated=True, get_foundation_model=unknown)["model"].found


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
    found = bedrock(model, get_foundation_model_availability={**AVAILABLE, **change})["access"]

    assert found.level == level
    assert level != "fail" or found.advice


def test_an_anthropic_agreement_names_the_form() -> None:
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
    found = bedrock(CLAUDE, get_inference_profile=answer)["profile"]

    assert found.level == level


def test_a_profiles_region_that_the_roles_lack_is_named() -> None:
    found = bedrock(CLAUDE, get_inference_profile=profile_answer("us-east-1", "us-west-9"))["profile"]

    assert "may not call us-west-9" in found.found


def test_a_global_profile_may_route_anywhere() -> None:
    found = bedrock("global.anthropic.claude-haiku-5-5", get_inference_profile=profile_answer("", "xx-new-1"))

    assert found["profile"].level == "ok"


# Quotas


def test_a_quota_of_nothing_fails_and_a_small_one_warns() -> None:
    chosen = models.invocations(SETTINGS)
    listed = [quota(ENOUGH[0]["QuotaName"], 0), quota(ENOUGH[1]["QuotaName"], 100)]

    found = list(quotas(chosen, target(list_service_quotas=listed), REGION, Throttling().model_rate))

    assert [finding.level for finding in found] == ["fail", "warning", "warning"]
    assert found[0].found == "0 requests per minute"
    assert found[1].found == "100 requests per minute; the gateway lets in 300 requests per minute"
    assert "names none" in found[2].found


# Configuration


def test_all_the_problems_of_a_stage_are_listed() -> None:
    context = {"stages": {"dev": {"regoin": "us-west-2", "logRetentionDays": "x"}}}

    found, settings = doctor.configuration(context, "dev", TODAY)

    assert settings is None
    assert [finding.level for finding in found] == ["fail", "fail"]
    assert "did you mean region?" in found[0].found


@pytest.mark.parametrize("text", ["", "{", "[]", '{"context": []}'])
def test_a_broken_cdk_json_is_a_line(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cdk.json").write_text(text)
    monkeypatch.setattr(doctor, "machine_findings", lambda _root: [])

    (found,) = doctor.diagnose("dev", TODAY, Paths(tmp_path), {})

    assert (found.level, found.check) == ("fail", "configuration")


def test_a_local_stage_that_was_never_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"stages": {"local": {"region": REGION}}}}))
    monkeypatch.setattr(doctor, "machine_findings", lambda _root: [])

    found = list(doctor.diagnose("local", TODAY, Paths(tmp_path), {}))

    assert str(found[-1]) == "fail     local stage: is not running -> start it with `make local`"


def test_the_local_target_uses_the_deployers_keys_and_nothing_of_the_shell(tmp_path: Path) -> None:
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


def test_a_profile_that_does_not_exist_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"stages": {"dev": {}}}}))
    monkeypatch.setattr(doctor, "machine_findings", lambda _root: [])
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    found = list(doctor.diagnose("dev", TODAY, Paths(tmp_path), {}))

    assert (found[-1].level, found[-1].check) == ("fail", "credentials")
