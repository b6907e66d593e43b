"""API Gateway's access log: a line for each request in the log group and format that the template gives the stage."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from dev.local import seams

_VARIABLE = re.compile(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)")
_STREAM = "access"


def formatted(template: str, values: Mapping[str, Any]) -> str:
    """The line; a variable without a value is a hyphen, as in the gateway's own log."""

    def value(found: re.Match[str]) -> str:
        known = values.get(found.group(1))
        return "-" if known is None else json.dumps(str(known))[1:-1]

    return _VARIABLE.sub(value, template)


class AccessLog:
    """Wraps the gateway's entrance. The emulator's CloudFormation does not tell a stage about its log."""

    def __init__(self) -> None:
        self._gateway = seams.module("ministack.services.apigateway_v1")
        self._logs = seams.module("ministack.services.cloudwatch_logs")
        self._handlers = seams.module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
        self._handle = self._gateway._handle_execute_in_scope
        stage = self._handlers["AWS::ApiGateway::Stage"]
        self._create_stage, self._update_stage = stage["create"], stage["update"]

    def extend(self) -> None:
        """Called once, before the emulator serves."""
        self._gateway._handle_execute_in_scope = self.handle
        self._handlers["AWS::ApiGateway::Stage"] |= {"create": self.create_stage, "update": self.update_stage}

    def create_stage(self, logical_id: str, props: dict[str, Any], stack: str) -> Any:
        made = self._create_stage(logical_id, props, stack)
        self._tell(props)
        return made

    def update_stage(self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
        made = self._update_stage(physical_id, old, new, stack)
        self._tell(new)
        return made

    def _tell(self, props: dict[str, Any]) -> None:
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
        """A request that reached the stage."""
        begun = time.time()
        answer = await self._handle(api_id, stage, method, path, headers, body, query, *rest, **named)
        self.write(api_id, stage, method, path, headers or {}, query or {}, answer, begun)
        return answer

    def write(
        self, api_id: str, stage: str, method: str, path: str, headers: Any, query: Any, answer: Any, begun: float
    ) -> None:
        """One line, if the stage has a log. `answer` is status, headers and body."""
        record = self._gateway.stages_for_api(api_id).get(stage) or {}
        settings = record.get("accessLogSettings") or {}
        group = str(settings.get("destinationArn", "")).partition(":log-group:")[2].removesuffix(":*")
        if not group:
            return
        status, sent, content = answer
        values = {
            "requestId": sent.get("x-amzn-requestid"),
            "requestTimeEpoch": int(begun * 1000),
            "httpMethod": method,
            "resourcePath": path,
            "path": f"/{stage}{path}",
            "status": status,
            "identity.userArn": (self._gateway._iam_caller_identity(headers, query) or {}).get("userArn"),
            "identity.sourceIp": "127.0.0.1",
            "identity.userAgent": headers.get("user-agent"),
            "responseLatency": round((time.time() - begun) * 1000),
            "responseLength": len(content or b""),
        }
        where = {"logGroupName": group, "logStreamName": _STREAM}
        # Answers that the stream is there already from the second time on.
        self._logs._create_log_stream(where)
        event = {"timestamp": int(time.time() * 1000), "message": formatted(str(settings.get("format", "")), values)}
        self._logs._put_log_events({**where, "logEvents": [event]})
