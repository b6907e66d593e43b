"""
IAM authorization of model calls, as Bedrock does it.

Converse and InvokeModel both need `bedrock:InvokeModel`, their streams `bedrock:InvokeModelWithResponseStream`. A call
through an inference profile needs permission for the profile and for the foundation model in every region that the
profile can route to; the latter is checked with the condition key `bedrock:InferenceProfileArn`. A guardrail in a call
needs `bedrock:ApplyGuardrail`. The emulator instead checks an action `bedrock:Converse`, which AWS does not have, and
does not support profiles.
"""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from dev.local import seams
from dev.local.catalog import Catalog

_MODEL = re.compile(r"^/model/(.+)/(converse|converse-stream|invoke|invoke-with-response-stream)$")
_APPLY = re.compile(r"^/guardrail/(.+)/version/(.+)/apply$")
# AWS authorizes a batch with the single call's action; the emulator checks actions that AWS does not have.
_BATCHES = {f"sqs:{name}Batch": f"sqs:{name}" for name in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")}
_STREAMS = {"converse-stream", "invoke-with-response-stream"}
Answer = tuple[int, dict[str, str], bytes]


def model_call(path: str) -> tuple[str, str] | None:
    """The decoded model id and the operation; None for any other path."""
    match = _MODEL.match(path)
    return (unquote(match.group(1)), match.group(2)) if match else None


def action_of(path: str) -> str | None:
    """The IAM action of a call to Bedrock's runtime; None for an operation that is not supported here."""
    call = model_call(path)
    if call:
        return "bedrock:InvokeModelWithResponseStream" if call[1] in _STREAMS else "bedrock:InvokeModel"
    return "bedrock:ApplyGuardrail" if _APPLY.match(path) else None


def model_arn(model_id: str, catalog: Catalog, region: str, account: str) -> str:
    """The ARN of the foundation model or of the account's inference profile with this id."""
    if model_id.startswith("arn:"):
        return model_id
    if catalog.profile(model_id):
        return f"arn:aws:bedrock:{region}:{account}:inference-profile/{model_id}"
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


def guardrail_arn(identifier: str, region: str, account: str) -> str:
    """The ARN of a guardrail with this id or ARN."""
    return identifier if identifier.startswith("arn:") else f"arn:aws:bedrock:{region}:{account}:guardrail/{identifier}"


def guardrail_of(headers: dict[str, str], operation: str, body: bytes) -> tuple[str, str] | None:
    """Id and version of a model call's guardrail, from the body for Converse and from headers for InvokeModel."""
    if not operation.startswith("converse"):
        identifier = headers.get("x-amzn-bedrock-guardrailidentifier")
        return (identifier, headers.get("x-amzn-bedrock-guardrailversion", "DRAFT")) if identifier else None
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return None
    config = content.get("guardrailConfig") if isinstance(content, dict) else None
    if not isinstance(config, dict) or not config.get("guardrailIdentifier"):
        return None
    return str(config["guardrailIdentifier"]), str(config.get("guardrailVersion", "DRAFT"))


def log_stream_arn(group: str, body: bytes) -> str:
    """The ARN that CloudWatch Logs checks for a call about a stream. The emulator checks the group's."""
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return group
    stream = content.get("logStreamName") if isinstance(content, dict) else None
    return f"{group}:log-stream:{stream}" if isinstance(stream, str) else group


class ModelAccess:
    """The checks as replacements in the emulator."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._actions = seams.module("ministack.core.iam_actions")
        self._evaluator = seams.module("ministack.core.iam_evaluator")
        self._scope = seams.module("ministack.core.responses")
        self._bedrock = seams.module("ministack.services.bedrock")
        self._access_key: Callable[[Any, Any], str] = seams.module("ministack.core.router").extract_access_key_id

    def extend(self) -> None:
        """Replaces the emulator's lookups of action, resource, and condition keys."""
        action, resource = self._actions.extract_iam_action, self._actions.extract_resource_arn
        context = self._actions.request_tag_context

        def extract_iam_action(service: str, method: str, path: str, *rest: Any, **named: Any) -> Any:
            override = action_of(path) if service == "bedrock-runtime" else None
            iam_action = override or action(service, method, path, *rest, **named)
            return _BATCHES.get(iam_action, iam_action)

        def extract_resource_arn(
            service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any, **named: Any
        ) -> Any:
            override = self._resource(path) if service == "bedrock-runtime" else None
            arn = override or resource(service, method, path, headers, body, *rest, **named)
            return log_stream_arn(arn, body) if service == "logs" else arn

        def request_tag_context(service: str, iam_action: str, body: bytes, *rest: Any, **named: Any) -> Any:
            tags = context(service, iam_action, body, *rest, **named)
            if service == "bedrock-runtime":
                guardrail = guardrail_of({}, "converse", body)
                if guardrail:
                    return {**tags, "bedrock:GuardrailIdentifier": self._guardrail_key(*guardrail)}
            return tags

        self._actions.extract_iam_action = extract_iam_action
        self._actions.extract_resource_arn = extract_resource_arn
        self._actions.request_tag_context = request_tag_context

    def _region_and_account(self) -> tuple[str, str]:
        return self._scope.get_region(), self._scope.get_account_id()

    def _resource(self, path: str) -> str | None:
        call = model_call(path)
        if call:
            return model_arn(call[0], self._catalog, *self._region_and_account())
        applied = _APPLY.match(path)
        return guardrail_arn(unquote(applied.group(1)), *self._region_and_account()) if applied else None

    def source(self, model_id: str) -> str:
        """The id of the model or profile that an application inference profile was made from; any other id itself."""
        if ":application-inference-profile/" not in model_id:
            return model_id
        record = self._bedrock._inference_profiles_apps.get(model_id.rpartition("/")[2])
        return str(record["Models"][0]["ModelArn"]).rpartition("/")[2] if record else model_id

    def _guardrail_key(self, identifier: str, version: str) -> str:
        arn = guardrail_arn(identifier, *self._region_and_account())
        return arn if version == "DRAFT" else f"{arn}:{version}"

    def refusal(self, path: str, headers: dict[str, str], query: Any, body: bytes) -> Answer | None:
        """The response to a call denied by the checks that the emulator lacks: profile destinations and guardrail."""
        call = model_call(path)
        if not call:
            return None
        model_id, operation = call
        region, account = self._region_and_account()
        guardrail = guardrail_of(headers, operation, body)
        context = {"bedrock:GuardrailIdentifier": self._guardrail_key(*guardrail)} if guardrail else {}
        checks: list[tuple[str, str, dict[str, str]]] = []
        source = self.source(model_id)
        profile = self._catalog.profile(source)
        action = action_of(path) or ""
        through = {**context, "bedrock:InferenceProfileArn": model_arn(model_id, self._catalog, region, account)}
        if source != model_id and not profile:
            checks.append((action, model_arn(source, self._catalog, region, account), through))
        if profile:
            if source != model_id:
                checks.append((action, model_arn(source, self._catalog, region, account), context))
            # A global profile is checked in the region of the call, and on the model's ARN without a region.
            destinations = [region, ""] if profile.is_global else profile.destinations.get(region, [])
            for destination in destinations:
                arn = f"arn:aws:bedrock:{destination}::foundation-model/{profile.model}"
                checks.append((action, arn, through))
        if guardrail:
            checks.append(("bedrock:ApplyGuardrail", guardrail_arn(guardrail[0], region, account), {}))
        for action, arn, keys in checks:
            denial = self._check(headers, query, action, arn, keys)
            if denial:
                return denial
        return None

    def _check(self, headers: dict[str, str], query: Any, action: str, arn: str, keys: dict[str, str]) -> Answer | None:
        key = self._access_key(headers, query)
        region, _ = self._region_and_account()
        denied = self._evaluator.enforce(key, action, "bedrock-runtime", region, resource_arn=arn, service_context=keys)
        if not denied:
            return None
        principal = getattr(denied, "principal_arn", key)
        explicit = getattr(denied, "decision", "") == "Deny"
        reason = "with an explicit deny" if explicit else f"because no identity-based policy allows the {action} action"
        message = f"User: {principal} is not authorized to perform: {action} on resource: {arn} {reason}"
        return error("AccessDeniedException", message, 403)


def error(code: str, message: str, status: int) -> Answer:
    """An error in Bedrock's format."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"message": message}).encode()
