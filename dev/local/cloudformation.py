"""CloudFormation types and events that the stacks use and the emulator lacks or ignores."""

import json
from typing import Any

from dev.local import seams

Props = dict[str, Any]
Created = tuple[str, dict[str, Any]]


def _call(response: tuple[int, dict[str, str], bytes], resource: str) -> dict[str, Any]:
    status, _, body = response
    content: dict[str, Any] = json.loads(body or b"{}")
    if status >= 300:
        raise ValueError(f"{resource}: {content.get('message', content)}")
    return content


def _wire(value: Any) -> Any:
    """Converts a template's property names (`TopicPolicyConfig`) to the API's (`topicPolicyConfig`)."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _wire(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_wire(item) for item in value]
    # Templates can contain booleans as strings.
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


class Guardrails:
    """`AWS::Bedrock::Guardrail` and `GuardrailVersion`, created by the emulator's Bedrock control plane."""

    def __init__(self) -> None:
        self._bedrock = seams.module("ministack.services.bedrock")

    def _attributes(self, identifier: str) -> dict[str, Any]:
        record = self._bedrock._guardrails[identifier]
        return {
            "GuardrailId": record["GuardrailId"],
            "GuardrailArn": record["GuardrailArn"],
            "Version": "DRAFT",
            "Status": "READY",
            "CreatedAt": record["CreatedAt"],
            "UpdatedAt": record["UpdatedAt"],
        }

    def create(self, logical_id: str, props: Props, stack: str) -> Created:
        body = json.dumps(_wire(props)).encode()
        guardrail = _call(self._bedrock._create_guardrail(body), logical_id)
        attributes = self._attributes(guardrail["guardrailId"])
        # Ref returns the ARN.
        return attributes["GuardrailArn"], attributes

    def update(self, physical_id: str, _old: Props, new: Props, _stack: str) -> Created:
        body = json.dumps(_wire(new)).encode()
        guardrail = _call(self._bedrock._update_guardrail(physical_id, body), physical_id)
        return physical_id, self._attributes(guardrail["guardrailId"])

    def delete(self, physical_id: str, _props: Props) -> None:
        # CloudFormation repeats deletions: a missing guardrail is not an error.
        self._bedrock._delete_guardrail(physical_id, {})

    def create_version(self, logical_id: str, props: Props, _stack: str) -> Created:
        identifier = str(props.get("GuardrailIdentifier", ""))
        body = json.dumps({"description": props.get("Description", "")}).encode()
        version = _call(self._bedrock._create_guardrail_version(identifier, body), logical_id)
        arn = self._bedrock._guardrail_arn(version["guardrailId"])
        return f"{version['guardrailId']}|{version['version']}", {
            "GuardrailId": version["guardrailId"],
            "GuardrailArn": arn,
            "Version": version["version"],
        }

    def update_version(self, physical_id: str, old: Props, new: Props, stack: str) -> Created:
        """Every changed property requires replacement."""
        if old == new:
            identifier, _, version = physical_id.partition("|")
            arn = self._bedrock._guardrail_arn(identifier)
            return physical_id, {"GuardrailId": identifier, "GuardrailArn": arn, "Version": version}
        return self.create_version(physical_id, new, stack)

    def delete_version(self, physical_id: str, _props: Props) -> None:
        self._bedrock._guardrail_versions.pop(physical_id.replace("|", "/"), None)


class InferenceProfiles:
    """`AWS::Bedrock::ApplicationInferenceProfile`, created by the emulator's Bedrock control plane."""

    def __init__(self) -> None:
        self._bedrock = seams.module("ministack.services.bedrock")

    def create(self, logical_id: str, props: Props, _stack: str) -> Created:
        body = json.dumps({**_wire(props), "tags": _wire(props.get("Tags") or [])}).encode()
        arn = _call(self._bedrock._create_inference_profile(body), logical_id)["inferenceProfileArn"]
        return arn, {"InferenceProfileArn": arn, "InferenceProfileId": arn.rpartition("/")[2]}

    def update(self, physical_id: str, old: Props, new: Props, stack: str) -> Created:
        """All but tags requires replacement."""
        if {**old, "Tags": None} != {**new, "Tags": None}:
            return self.create(physical_id, new, stack)
        return physical_id, {
            "InferenceProfileArn": physical_id,
            "InferenceProfileId": physical_id.rpartition("/")[2],
        }

    def delete(self, physical_id: str, _props: Props) -> None:
        self._bedrock._delete_inference_profile(physical_id.rpartition("/")[2])


class WebAcls:
    """`AWS::WAFv2::WebACLAssociation` and `LoggingConfiguration`. The emulator stores rules but does not apply them."""

    def __init__(self) -> None:
        self._waf = seams.module("ministack.services.waf")

    def associate(self, logical_id: str, props: Props, _stack: str) -> Created:
        _call(self._waf._associate_web_acl(props), logical_id)
        return f"{props['WebACLArn']}|{props['ResourceArn']}", {}

    def reassociate(self, physical_id: str, old: Props, new: Props, stack: str) -> Created:
        self.disassociate(physical_id, old)
        return self.associate(physical_id, new, stack)

    def disassociate(self, _physical_id: str, props: Props) -> None:
        self._waf._disassociate_web_acl(props)

    def log(self, _logical_id: str, props: Props, _stack: str) -> Created:
        return str(props["ResourceArn"]), {"ManagedByFirewallManager": False}

    def relog(self, _physical_id: str, _old: Props, new: Props, stack: str) -> Created:
        return self.log("", new, stack)

    def unlog(self, _physical_id: str, _props: Props) -> None:
        """`log` creates nothing."""


def announce_stacks() -> None:
    """Sends "CloudFormation Stack Status Change" events to EventBridge, which the emulator does not."""
    stacks = seams.module("ministack.services.cloudformation.stacks")
    eventbridge = seams.module("ministack.services.eventbridge")
    add_event = stacks._add_event

    def add_and_announce(
        stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str, *args: Any, **named: Any
    ) -> None:
        add_event(stack_id, stack_name, logical_id, resource_type, status, *args, **named)
        if resource_type == "AWS::CloudFormation::Stack" and logical_id == stack_name:
            event = {
                "Source": "aws.cloudformation",
                "DetailType": "CloudFormation Stack Status Change",
                "Resources": [stack_id],
                "Detail": json.dumps({"stack-id": stack_id, "status-details": {"status": status}}),
            }
            eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)

    stacks._add_event = add_and_announce


def extend() -> None:
    """Registers the types. Called once, before the emulator serves."""
    announce_stacks()
    handlers = seams.module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
    guardrails, profiles, acls = Guardrails(), InferenceProfiles(), WebAcls()
    handlers["AWS::Bedrock::Guardrail"] = {
        "create": guardrails.create,
        "update": guardrails.update,
        "delete": guardrails.delete,
    }
    handlers["AWS::Bedrock::GuardrailVersion"] = {
        "create": guardrails.create_version,
        "update": guardrails.update_version,
        "delete": guardrails.delete_version,
    }
    handlers["AWS::Bedrock::ApplicationInferenceProfile"] = {
        "create": profiles.create,
        "update": profiles.update,
        "delete": profiles.delete,
    }
    handlers["AWS::WAFv2::WebACLAssociation"] = {
        "create": acls.associate,
        "update": acls.reassociate,
        "delete": acls.disassociate,
    }
    handlers["AWS::WAFv2::LoggingConfiguration"] = {
        "create": acls.log,
        "update": acls.relog,
        "delete": acls.unlog,
    }
