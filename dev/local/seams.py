"""
The functions and tables of ministack that the project replaces or calls.

ministack has no plugin interface, so extensions replace functions and dictionary entries of its modules. They are all
listed here: if one is missing, startup fails with its name. The version is pinned.
"""

import importlib
from typing import Any


class SeamMoved(RuntimeError):
    """ministack lacks an attribute that an extension replaces or calls."""


SEAMS: dict[str, tuple[str, ...]] = {
    "ministack.app": (
        "SERVICE_HANDLERS", "_build_persistence_save_dict", "_enforce_execute_api", "_load_persisted_state",
        "_request_account_scope", "app", "save_all",
    ),
    "ministack.core.iam_actions": (
        "SERVICE_TO_IAM_NAMESPACE", "access_denied_response", "extract_iam_action", "extract_resource_arn",
        "request_tag_context",
    ),
    "ministack.core.iam_evaluator": (
        "AuthError", "caller_arn", "enforce", "pin_request_origin", "pin_signed_request", "resolve_credential",
    ),
    "ministack.core.responses": (
        "StreamingResponse", "get_account_id", "get_region", "set_request_account_id", "set_request_region",
    ),
    "ministack.core.router": ("SERVICE_PATTERNS", "extract_access_key_id", "extract_region"),
    "ministack.services.apigateway_v1": (
        "_check_request_validation", "_execute_in_scope", "_gateway_error_response", "_gw_error",
        "_handle_execute_in_scope", "_iam_caller_identity", "_lambda_proxy_response", "find_api_scope",
        "request_scope", "stages_for_api",
    ),
    "ministack.services.bedrock": (
        "_create_guardrail", "_create_guardrail_version", "_create_inference_profile", "_delete_guardrail",
        "_delete_inference_profile", "_guardrail_arn", "_guardrail_versions", "_guardrails", "_inference_profiles_apps",
        "_update_guardrail",
    ),
    "ministack.services.bedrock_runtime": ("_evaluate_guardrail", "_resolve_guardrail", "handle_request"),
    "ministack.services.cloudwatch_logs": ("_create_log_stream", "_log_groups", "_put_log_events"),
    "ministack.services.cloudformation": ("_ACTION_HANDLERS", "_stacks"),
    "ministack.services.cloudformation.provisioners": ("_RESOURCE_HANDLERS",),
    "ministack.services.cloudformation.stacks": ("_add_event", "_runs_on_worker_thread"),
    "ministack.services.eventbridge": ("_dispatch_event", "_put_events"),
    "ministack.services.iam": ("_roles",),
    "ministack.services.lambda_svc": ("_functions",),
    "ministack.services.opensearchserverless": (
        "_HANDLERS", "_Invalid", "_access_policies", "_collection_endpoint", "_collections",
        "_find_collection_anywhere", "_security_policies", "_signed_for_aoss", "get_state", "load_persisted_state",
    ),
    "ministack.services.s3": ("_delete_bucket", "_fire_s3_event"),
    "ministack.services.waf": ("_associate_web_acl", "_disassociate_web_acl"),
}  # fmt: skip


def module(name: str) -> Any:
    """Imports one of ministack's modules and checks its attributes. Raises `SeamMoved`."""
    imported = importlib.import_module(name)
    missing = [attribute for attribute in SEAMS[name] if not hasattr(imported, attribute)]
    if missing:
        raise SeamMoved(f"{name} has no {', '.join(missing)}; the extensions need ministack 1.5.33")
    return imported


def check() -> None:
    """Checks all modules. Raises `SeamMoved`."""
    for name in SEAMS:
        module(name)
