"""API Gateway's access log: one line per request, in the log group and format set by the stage's template."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from dev.local import seams

_VARIABLE = re.compile(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)")
_STREAM = "access"


def formatted(template: str, values: Mapping[str, Any]) -> str:
    """A log line. As on AWS, a hyphen stands for a variable without a value."""

    def value(variable: re.Match[str]) -> str:
        text = values.get(variable.group(1))
        return "-" if text is None else json.dumps(str(text))[1:-1]

    return _VARIABLE.sub(value, template)


class AccessLog:
    """Wraps the gateway's entry point: the emulator's CloudFormation handler ignores a stage's `AccessLogSetting`."""

    def __init__(self) -> None:
        self._gateway = seams.module("ministack.services.apigateway_v1")
        self._logs = seams.module("ministack.services.cloudwatch_logs")
        self._handlers = seams.module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
        self._handle = self._gateway._handle_execute_in_scope
        stage = self._handlers["AWS::ApiGateway::Stage"]
        self._create_stage, self._update_stage = stage["create"], stage["update"]

    def extend(self) -> None:
        """Installs the replacements. Called once, before the emulator serves."""
        self._gateway._handle_execute_in_scope = self.handle
        self._handlers["AWS::ApiGateway::Stage"] |= {"create": self.create_stage, "update": self.update_stage}

    def create_stage(self, logical_id: str, props: dict[str, Any], stack: str) -> Any:
        created = self._create_stage(logical_id, props, stack)
        self._apply_setting(props)
        return created

    def update_stage(self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
        updated = self._update_stage(physical_id, old, new, stack)
        self._apply_setting(new)
        return updated

    def _apply_setting(self, props: dict[str, Any]) -> None:
        setting = props.get("AccessLogSetting") or {}
        stage = self._gateway.stages_for_api(props.get("RestApiId", "")).get(props.get("StageName", ""))
        if stage is not None and setting:
            stage["accessLogSettings"] = {
                "destinationArn": setting.get("DestinationArn", ""),
                "format": setting.get("Format", ""),
            }

    async def handle(
        self,
        api_id: str,
        stage: str,
        method: str,
        path: str,
        headers: Any,
        body: Any,
        query: Any,
        *rest: Any,
        **named: Any,
    ) -> Any:
        """Handles and logs a request."""
        started = time.time()
        response = await self._handle(api_id, stage, method, path, headers, body, query, *rest, **named)
        self.write(api_id, stage, method, path, headers or {}, query or {}, response, started)
        return response

    def write(
        self, api_id: str, stage: str, method: str, path: str, headers: Any, query: Any, response: Any, started: float
    ) -> None:
        """Writes a line if the stage has a log. `response` is status, headers, and body."""
        record = self._gateway.stages_for_api(api_id).get(stage) or {}
        settings = record.get("accessLogSettings") or {}
        group = str(settings.get("destinationArn", "")).partition(":log-group:")[2].removesuffix(":*")
        if not group:
            return
        status, response_headers, content = response
        values = {
            "requestId": response_headers.get("x-amzn-requestid"),
            "requestTimeEpoch": int(started * 1000),
            "httpMethod": method,
            "resourcePath": path,
            "path": f"/{stage}{path}",
            "status": status,
            "identity.userArn": (self._gateway._iam_caller_identity(headers, query) or {}).get("userArn"),
            "identity.sourceIp": "127.0.0.1",
            "identity.userAgent": headers.get("user-agent"),
            "responseLatency": round((time.time() - started) * 1000),
            "responseLength": len(content or b""),
        }
        where = {"logGroupName": group, "logStreamName": _STREAM}
        # From the second call on, this returns that the stream exists.
        self._logs._create_log_stream(where)
        event = {"timestamp": int(time.time() * 1000), "message": formatted(str(settings.get("format", "")), values)}
        self._logs._put_log_events({**where, "logEvents": [event]})
