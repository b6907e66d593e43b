"""What API Gateway and Lambda do and the emulator's REST gateway does not: limits, and errors in the API's own form."""

import asyncio
import json
import logging
import time
import uuid
from typing import Any

from dev.local import seams
from dev.local.access_log import AccessLog

logger = logging.getLogger("dev.local.gateway")

GATEWAY_BODY_BYTES = 10 * 1024 * 1024
# The function's whole event may have 6 MB; what the gateway adds to the body is small, escaping is not.
FUNCTION_BODY_BYTES = 6 * 1024 * 1024
INTEGRATION_SECONDS = 29.0


class FunctionFailed(Exception):
    """The function raised, or answered something that is no response."""


def too_large(body: bytes) -> str | None:
    """Why a body does not go through, if it does not."""
    if len(body) > GATEWAY_BODY_BYTES:
        return f"HTTP content length exceeded {GATEWAY_BODY_BYTES} bytes."
    return "Request Too Long" if len(body) > FUNCTION_BODY_BYTES else None


class Gateway:
    """Replacements for functions of the emulator's REST gateway. `extend` puts them in place."""

    def __init__(self, log: AccessLog) -> None:
        self._log = log
        self._gateway = seams.module("ministack.services.apigateway_v1")
        self._validate = self._gateway._check_request_validation
        self._execute = self._gateway._execute_in_scope
        self._proxy_response = self._gateway._lambda_proxy_response
        self._error_response = self._gateway._gateway_error_response
        self._app = seams.module("ministack.app")
        self._enforce = self._app._enforce_execute_api

    def extend(self) -> None:
        """Called once, before the emulator serves."""
        self._gateway._check_request_validation = self.validate
        self._gateway._execute_in_scope = self.execute
        self._gateway._lambda_proxy_response = self.proxy_response
        self._gateway._gateway_error_response = self.error_response
        self._app._enforce_execute_api = self.enforce

    def enforce(self, api_id: str, stage: str, method: str, path: str, headers: Any, query: Any, **named: Any) -> Any:
        """IAM's answer to a call of an API. A refusal goes out as the API's own error, not as an SDK's."""
        refused = self._enforce(api_id, stage, method, path, headers, query, **named)
        scope = self._gateway.find_api_scope(api_id)
        record = self._gateway.stages_for_api(api_id).get(stage) if scope else None
        if not refused or not scope or not record:
            return refused
        begun = time.time()
        with self._gateway.request_scope(*scope):
            if b'"__type"' in refused[2]:
                refused = self._denied(refused, api_id, stage, record, headers, query)
            self._log.write(api_id, stage, method, path, headers or {}, query or {}, refused, begun)
        return refused

    def _denied(self, refused: Any, api_id: str, stage: str, record: dict[str, Any], headers: Any, query: Any) -> Any:
        error = self._gateway._gw_error("ACCESS_DENIED", json.loads(refused[2]).get("message", "Forbidden"))
        request = {
            "api_id": api_id,
            "stage_name": stage,
            "stage": record,
            "headers": headers or {},
            "query_params": query or {},
            "path_params": {},
            "resource_path": "",
            "request_id": str(uuid.uuid4()),
        }
        return self.error_response(error, request)

    def validate(
        self, method: dict[str, Any], api_id: str, request: dict[str, Any], headers: Any, body: bytes, query: Any
    ) -> Any:
        """Size first, then the method's validator, with the model `$default` for every content type."""
        refused = too_large(body or b"")
        if refused:
            return self._gateway._gw_error("REQUEST_TOO_LARGE", refused)
        models = method.get("requestModels") or {}
        if "$default" in models:
            content_type = self._gateway._header_ci(headers, "content-type") or "application/json"
            models = {content_type.split(";", 1)[0].strip(): models["$default"], **models}
            method = {**method, "requestModels": models}
        return self._validate(method, api_id, request, headers, body, query)

    async def execute(self, *given: Any, **named: Any) -> Any:
        """A request, with the integration's time limit, and the API's error body when the function fails."""
        try:
            async with asyncio.timeout(INTEGRATION_SECONDS):
                return await self._execute(*given, **named)
        except TimeoutError:
            # The function goes on, as on AWS; only its caller stops waiting.
            return self._gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        except FunctionFailed as failure:
            logger.error("a function failed: %s", failure)
            error = self._gateway._gw_error("DEFAULT_5XX", "Internal server error")
            error.status = 502
            return error

    def proxy_response(self, result: Any) -> Any:
        """The emulator shows a function's error to the caller; AWS never does."""
        response, error = self._proxy_response(result)
        if error:
            raise FunctionFailed(error)
        return response, error

    def error_response(self, error: Any, request: dict[str, Any]) -> Any:
        """The gateway response, with the status of the error that it stands for."""
        status, headers, body = self._error_response(error, request)
        return (getattr(error, "status", status) if status == 500 else status), headers, body


def extend() -> None:
    """Called once, before the emulator serves."""
    log = AccessLog()
    log.extend()
    Gateway(log).extend()
