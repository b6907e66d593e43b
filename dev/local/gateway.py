"""Behavior of API Gateway and Lambda that the emulator's REST gateway lacks: limits, and the API's error format."""

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
# The limit of a function's event. The gateway adds little to the body, but escaping can add more.
FUNCTION_BODY_BYTES = 6 * 1024 * 1024
INTEGRATION_SECONDS = 29.0


class FunctionFailed(Exception):
    """The function raised, or returned an invalid response."""


def too_large(body: bytes) -> str | None:
    """The error message for a body over a limit; None within the limits."""
    if len(body) > GATEWAY_BODY_BYTES:
        return f"HTTP content length exceeded {GATEWAY_BODY_BYTES} bytes."
    return "Request Too Long" if len(body) > FUNCTION_BODY_BYTES else None


class Gateway:
    """Replacements for functions of the emulator's REST gateway. `extend` installs them."""

    def __init__(self, log: AccessLog) -> None:
        self._log = log
        self._gateway = seams.module("ministack.services.apigateway_v1")
        self._execute = self._gateway._execute_in_scope
        self._proxy_response = self._gateway._lambda_proxy_response
        self._error_response = self._gateway._gateway_error_response
        self._app = seams.module("ministack.app")
        self._enforce = self._app._enforce_execute_api

    def extend(self) -> None:
        """Installs the replacements. Called once, before the emulator serves."""
        self._gateway._check_request_validation = self.check_size
        self._gateway._execute_in_scope = self.execute
        self._gateway._lambda_proxy_response = self.proxy_response
        self._gateway._gateway_error_response = self.error_response
        self._app._enforce_execute_api = self.enforce

    def enforce(self, api_id: str, stage: str, method: str, path: str, headers: Any, query: Any, **named: Any) -> Any:
        """Authorizes a call with IAM. A denial is returned in the API's error format, not an SDK's."""
        refused = self._enforce(api_id, stage, method, path, headers, query, **named)
        scope = self._gateway.find_api_scope(api_id)
        record = self._gateway.stages_for_api(api_id).get(stage) if scope else None
        if not refused or not scope or not record:
            return refused
        started = time.time()
        with self._gateway.request_scope(*scope):
            if b'"__type"' in refused[2]:
                refused = self._denied(refused, api_id, stage, record, headers, query)
            self._log.write(api_id, stage, method, path, headers or {}, query or {}, refused, started)
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

    def check_size(self, _method: Any, _api_id: str, _request: Any, _headers: Any, body: bytes, _query: Any) -> Any:
        """Checks the body's size instead of running the method's validator: no method has one."""
        message = too_large(body or b"")
        return self._gateway._gw_error("REQUEST_TOO_LARGE", message) if message else None

    async def execute(self, *args: Any, **named: Any) -> Any:
        """Handles a request with the integration timeout, and returns the API's error body if the function fails."""
        try:
            async with asyncio.timeout(INTEGRATION_SECONDS):
                return await self._execute(*args, **named)
        except TimeoutError:
            # As on AWS, the function keeps running; only the caller stops waiting.
            return self._gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        except FunctionFailed as failure:
            logger.error("a function failed: %s", failure)
            error = self._gateway._gw_error("DEFAULT_5XX", "Internal server error")
            error.status = 502
            return error

    def proxy_response(self, result: Any) -> Any:
        """Hides a function's error from the caller, as AWS does; the emulator returns it."""
        response, error = self._proxy_response(result)
        if error:
            raise FunctionFailed(error)
        return response, error

    def error_response(self, error: Any, request: dict[str, Any]) -> Any:
        """Builds the gateway response with the error's status code."""
        status, headers, body = self._error_response(error, request)
        return (getattr(error, "status", status) if status == 500 else status), headers, body


def extend() -> None:
    """Installs the replacements. Called once, before the emulator serves."""
    log = AccessLog()
    log.extend()
    Gateway(log).extend()
