"""The emulator's extensions fit the installed ministack and behave like AWS."""

import json
from pathlib import Path

from dev.local import catalog
from tests.dev.local.conftest import run_local

_PROFILE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


def test_ministack_has_all_extended_attributes() -> None:
    out = run_local("from dev.local import seams; seams.check(); print(*seams.SEAMS)")
    assert "ministack.app" in out.split()


def test_the_emulator_can_be_imported_and_has_the_added_types(tmp_path: Path) -> None:
    target = tmp_path / "catalog.json"
    catalog.write(target)
    out = run_local(
        """
import json, dev.local.emulator
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS as handlers
print(json.dumps([name for name in (
    "AWS::Bedrock::Guardrail", "AWS::Bedrock::GuardrailVersion", "AWS::Bedrock::ApplicationInferenceProfile",
    "AWS::WAFv2::WebACLAssociation",
    "AWS::WAFv2::LoggingConfiguration", "AWS::OpenSearchServerless::SecurityPolicy",
    "AWS::OpenSearchServerless::AccessPolicy", "AWS::OpenSearchServerless::CollectionGroup",
    "AWS::OpenSearchServerless::Collection", "AWS::OpenSearchServerless::Index",
) if set(handlers[name]) != {"create", "update", "delete"}]))
""",
        env={
            "LOCAL_MODELS_URL": "http://127.0.0.1:1",
            "LOCAL_SEARCH_URL": "http://127.0.0.1:2",
            "LOCAL_SEARCH_REFRESH": "1s",
            "LOCAL_CATALOG": str(target),
            "STATE_DIR": str(tmp_path),
        },
    )
    assert json.loads(out.splitlines()[-1]) == []


def test_guardrails_of_templates_are_enforced() -> None:
    out = run_local(
        """
import json
from dev.local.bedrock import extended_evaluation
from dev.local.cloudformation import Guardrails
from ministack.services import bedrock_runtime as runtime
guardrails = Guardrails()
props = {"Name": "g", "BlockedInputMessaging": "no", "BlockedOutputsMessaging": "no",
         "WordPolicyConfig": {"WordsConfig": [{"Text": "tinfoil"}], "ManagedWordListsConfig": [{"Type": "PROFANITY"}]},
         "ContentPolicyConfig": {"FiltersConfig": [
             {"Type": "MISCONDUCT", "InputStrength": "HIGH", "OutputStrength": "HIGH"}]},
         "SensitiveInformationPolicyConfig": {"PiiEntitiesConfig": [{"Type": "EMAIL", "Action": "ANONYMIZE"}]}}
arn, attributes = guardrails.create("G", props, "stack")
_, version = guardrails.create_version("V", {"GuardrailIdentifier": attributes["GuardrailId"]}, "stack")
record = runtime._resolve_guardrail(attributes["GuardrailId"], version["Version"])
evaluate = extended_evaluation(runtime._evaluate_guardrail)
results = [evaluate(record, "INPUT", text) for text in (
    "a tinfoil hat", "how to make a bomb", "this is shit", "write to a@b.org", "the pump leaks")]
print(json.dumps([version["Version"], [item["blocked"] for item in results], results[3]["masked_text"]]))
guardrails.delete(arn, props)
assert runtime._resolve_guardrail(attributes["GuardrailId"], "DRAFT") is None
"""
    )
    assert json.loads(out.splitlines()[-1]) == ["1", [True, True, True, False, False], "write to {EMAIL}"]


def test_a_guardrail_evaluates_marked_blocks_and_otherwise_all_messages() -> None:
    out = run_local(
        """
import json
from dev.local.bedrock import guarded_text
def marked(text): return {"guardContent": {"text": {"text": text}}}
plain = [{"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [{"text": "b"}]}]
selective = [{"role": "user", "content": [{"text": "a"}, marked("c")]}]
print(json.dumps([guarded_text(request) for request in (
    {"messages": plain, "system": [{"text": "s"}]}, {"messages": plain, "system": [{"text": "s"}, marked("m")]},
    {"messages": selective, "system": [{"text": "s"}]}, {"messages": selective, "system": [marked("m")]},
)]))
"""
    )
    assert json.loads(out.splitlines()[-1]) == ["a\nb", "m\na\nb", "c", "m\nc"]


def test_calls_have_bedrocks_iam_actions_and_resources(tmp_path: Path) -> None:
    target = tmp_path / "catalog.json"
    catalog.write(target)
    out = run_local(
        f"""
import json
from pathlib import Path
from dev.local import iam
from dev.local.catalog import Catalog
models = Catalog.read(Path({str(target)!r}))
where = ("us-west-2", "000000000000")
config = {{"guardrailIdentifier": "g", "guardrailVersion": "1"}}
print(json.dumps([
    iam.action_of("/model/x/converse"), iam.action_of("/model/x/invoke"), iam.action_of("/model/x/converse-stream"),
    iam.action_of("/guardrail/g/version/1/apply"), iam.action_of("/async-invoke"),
    iam.model_arn("amazon.titan-embed-text-v2:0", models, *where), iam.model_arn({_PROFILE!r}, models, *where),
    models.profile({_PROFILE!r}).model,
    iam.guardrail_of({{}}, "converse", json.dumps({{"guardrailConfig": config}}).encode()),
]))
"""
    )
    invoke, stream = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"
    assert json.loads(out.splitlines()[-1]) == [
        invoke,
        invoke,
        stream,
        "bedrock:ApplyGuardrail",
        None,
        "arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-embed-text-v2:0",
        f"arn:aws:bedrock:us-west-2:000000000000:inference-profile/{_PROFILE}",
        _PROFILE.removeprefix("us."),
        ["g", "1"],
    ]


def test_writes_to_log_streams_are_checked_for_the_stream(tmp_path: Path) -> None:
    target = tmp_path / "catalog.json"
    catalog.write(target)
    out = run_local(
        f"""
import json
from pathlib import Path
from dev.local import iam
from dev.local.catalog import Catalog
from ministack.core import iam_actions
iam.ModelAccess(Catalog.read(Path({str(target)!r}))).extend()
def arn(**body):
    headers = {{"x-amz-target": "Logs_20140328.PutLogEvents"}}
    body = json.dumps({{"logGroupName": "/a/audit", **body}}).encode()
    return iam_actions.extract_resource_arn("logs", "POST", "/", headers, body, {{}}, "us-west-2", "000000000000")
print(json.dumps([arn(logStreamName="chatbot"), arn()]))
"""
    )
    group = "arn:aws:logs:us-west-2:000000000000:log-group:/a/audit"
    assert json.loads(out.splitlines()[-1]) == [f"{group}:log-stream:chatbot", group]


def test_a_call_without_the_required_guardrail_is_denied(tmp_path: Path) -> None:
    """A role like those in the templates: a model through a profile, with one guardrail in one version."""
    target = tmp_path / "catalog.json"
    catalog.write(target)
    out = run_local(
        f"""
import json
from pathlib import Path
from dev.local import iam
from dev.local.catalog import Catalog
from ministack.core import iam_actions, iam_evaluator as evaluator
models = Catalog.read(Path({str(target)!r}))
profile = models.profile({_PROFILE!r})
access = iam.ModelAccess(models)
access.extend()
region, account = access._region_and_account()
guardrail = iam.guardrail_arn("g", region, account)
key = {{"bedrock:GuardrailIdentifier": guardrail + ":1"}}
invoke, arn = "bedrock:InvokeModel", iam.model_arn({_PROFILE!r}, models, region, account)
allowed = evaluator.parse_policy_document({{"Version": "2012-10-17", "Statement": [
    {{"Effect": "Allow", "Action": invoke, "Resource": arn, "Condition": {{"StringEquals": key}}}},
    {{"Effect": "Allow", "Action": invoke, "Resource": f"arn:aws:bedrock:*::foundation-model/{{profile.model}}",
      "Condition": {{"StringEquals": {{**key, "bedrock:InferenceProfileArn": arn}}}}}},
    {{"Effect": "Allow", "Action": "bedrock:ApplyGuardrail", "Resource": guardrail}},
]}})
def enforce(access_key, action, service, region, resource_arn="*", service_context=None):
    # The emulator's `enforce` without authentication: it looks up keys in lower case.
    context = evaluator.EvalContext("role", "AssumedRole", account, action, resource_arn, region,
        service_context={{name.lower(): value for name, value in (service_context or {{}}).items()}})
    result = evaluator.evaluate(context, [allowed])
    return None if result.decision == "Allow" else result
evaluator.enforce = enforce
def status(config):
    path = "/model/" + {_PROFILE!r} + "/converse"
    body = json.dumps({{"messages": [], **({{"guardrailConfig": config}} if config else {{}})}}).encode()
    keys = iam_actions.request_tag_context("bedrock-runtime", invoke, body, {{}})
    if enforce("", invoke, "bedrock-runtime", region, arn, keys):
        return 403
    refusal = access.refusal(path, {{}}, {{}}, body)
    return refusal[0] if refusal else 200
named = [("g", "1"), ("g", "2"), ("g", "DRAFT"), ("other", "1")]
configs = [{{"guardrailIdentifier": identifier, "guardrailVersion": version}} for identifier, version in named]
print(json.dumps([status(config) for config in (*configs, None)]))
"""
    )
    assert json.loads(out.splitlines()[-1]) == [200, 403, 403, 403, 403]


def test_bodies_over_each_limit_get_their_error() -> None:
    out = run_local(
        """
import json
from dev.local.gateway import too_large
print(json.dumps([too_large(b"x" * size) for size in (10, 7 * 2**20, 11 * 2**20)]))
"""
    )
    small, middle, large = json.loads(out.splitlines()[-1])
    assert small is None
    assert middle == "Request Too Long"
    assert "10485760" in large


def test_the_gateway_names_principals_as_on_aws() -> None:
    out = run_local(
        """
import asyncio, json, re
from urllib.parse import urlencode
from lambda_src.shared.callers import principal_id
from ministack.services import apigateway_v1, iam, sts
def call(service, **parameters):
    headers = {"authorization": "AWS4-HMAC-SHA256 Credential=test/20261127/us-west-2/x/aws4_request",
               "content-type": "application/x-www-form-urlencoded"}
    status, _, body = asyncio.run(service.handle_request("POST", "/", headers, urlencode(parameters).encode(), {}))
    assert status == 200, body
    return body if isinstance(body, str) else body.decode()
def value(name, text):
    return re.search(f"<{name}>([^<]+)</{name}>", text)[1]
def caller(text):
    key = value("AccessKeyId", text)
    headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={key}/20261127/us-west-2/x/aws4_request"}
    identity = apigateway_v1._iam_caller_identity(headers, {})
    return identity["user"], principal_id(identity["user"])
trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
ids = {}
for role in ("team", "other"):
    created = call(iam, Action="CreateRole", RoleName=role, AssumeRolePolicyDocument=trust)
    ids[role] = value("RoleId", created)
ids["user"] = value("UserId", call(iam, Action="CreateUser", UserName="ana"))
def session(role, name):
    arn = f"arn:aws:iam::000000000000:role/{role}"
    return caller(call(sts, Action="AssumeRole", RoleArn=arn, RoleSessionName=name))
print(json.dumps({"ids": ids, "sessions": [session("team", "ana"), session("team", "bob"), session("other", "ana")],
    "user": caller(call(iam, Action="CreateAccessKey", UserName="ana")),
    "federated": caller(call(sts, Action="GetFederationToken", Name="ana"))}))
"""
    )
    seen = json.loads(out.splitlines()[-1])
    ids = seen["ids"]
    assert seen["sessions"] == [
        [f"{ids['team']}:ana", ids["team"]],
        [f"{ids['team']}:bob", ids["team"]],
        [f"{ids['other']}:ana", ids["other"]],
    ]
    assert seen["user"] == [ids["user"]] * 2
    assert seen["federated"] == ["000000000000:ana", None]


def test_stacks_announce_their_status_as_on_aws() -> None:
    out = run_local(
        """
import json
from ministack.services import eventbridge
from ministack.services.cloudformation import stacks
events = []
eventbridge._dispatch_event = lambda event, view=None: events.append(event)
from dev.local import cloudformation
cloudformation.announce_stacks()
stacks._add_event("arn:s", "s", "s", "AWS::CloudFormation::Stack", "UPDATE_COMPLETE", physical_id="arn:s")
stacks._add_event("arn:s", "s", "Table", "AWS::DynamoDB::Table", "UPDATE_COMPLETE")
print(json.dumps([(event["Source"], event["DetailType"], json.loads(event["Detail"])) for event in events]))
"""
    )
    detail = {"stack-id": "arn:s", "status-details": {"status": "UPDATE_COMPLETE"}}
    expected = ["aws.cloudformation", "CloudFormation Stack Status Change", detail]
    assert json.loads(out.splitlines()[-1]) == [expected]
