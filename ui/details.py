"""What only some readers need: ids, JSON, and the request as a shell command."""

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from bedrock_endpoints import Stage
from bedrock_endpoints.auth import Bearer
from bedrock_endpoints.errors import ConfigurationError
from ui import components, stage
from ui.texts import t

_MAX_SHOWN_BASE64 = 400


def details(
    use_case: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    response: Mapping[str, Any] | None = None,
    *,
    key: str = "",
) -> None:
    """The request, and the ids and JSON of its response. `key` distinguishes boxes of the same path on a page."""
    # Written only when it is opened: a response may have many vectors.
    box = st.expander(
        t("components.details"), icon=":material/code:", key=f"details {use_case}{path} {key}", on_change="rerun"
    )
    if not box.open:
        return
    with box:
        for name in ("model", "id", "requestId"):
            if response and name in response:
                st.caption(t(f"components.detail_{name}"))
                st.code(response[name], language=None, wrap_lines=True)
        st.caption(t("components.as_curl"))
        st.code(curl(stage.current(), use_case, method, path, body), language="bash", wrap_lines=True)
        st.caption(t("components.as_curl_note"))
        if response:
            st.caption("JSON")
            _json(response, str(response.get("requestId", use_case)), f"{use_case}-{components.today()}.json")


def curl(target: Stage, use_case: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
    """A request as a shell command: keys come from shell variables, and files are left out."""
    variable = f"{use_case.upper().replace('-', '_')}_URL"
    local = stage.is_local(target)
    lines = ["source .local/env"] if local else _variables(target, use_case, variable)
    command = ["curl -sS"] if method in ("GET", "POST") else [f"curl -sS -X {method}"]
    if path.endswith("/stream"):
        command.append("--no-buffer")
    if isinstance(target.auth, Bearer):
        command.append('-H "Authorization: Bearer $UI_BEARER_TOKEN"')
    else:
        command.append('--aws-sigv4 "aws:amz:$AWS_REGION:execute-api"')
        command.append('--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"')
        if not local:
            command.append('-H "X-Amz-Security-Token: $AWS_SESSION_TOKEN"')
    if body is not None:
        command.append("-H 'Content-Type: application/json'")
        command.append(f"-d {_quoted(json.dumps(_shortened(body), ensure_ascii=False, indent=1))}")
    command.append(f'"${{{variable}}}{path.lstrip("/")}"')
    return "\n".join([*lines, " \\\n  ".join(command)])


def _variables(target: Stage, use_case: str, variable: str) -> list[str]:
    """The shell variables of the command."""
    try:
        region, url = target.region(use_case), f"{target.url(use_case)}/"
    except ConfigurationError:
        region, url = target.default_region, ""
    return [f"AWS_REGION={region or ''}", f"{variable}={_quoted(url)}"]


def _shortened(value: Any) -> Any:
    """The body without the base64 of photos and documents, which is too long to show and for a command line."""
    if isinstance(value, Mapping):
        return {
            name: "<base64>" if name in ("data", "content") and len(str(item)) > _MAX_SHOWN_BASE64 else _shortened(item)
            for name, item in value.items()
        }
    return [_shortened(item) for item in value] if isinstance(value, list) else value


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def json_box(value: Mapping[str, Any], name: str, file: str | None = None) -> None:
    """A stored thing as JSON. The downloaded file is called `file`, or else like the box."""
    box = st.expander("JSON", icon=":material/data_object:", key=f"json box {name}", on_change="rerun")
    if box.open:
        with box:
            _json(value, name, file or f"{name}.json")


def _json(value: Mapping[str, Any], name: str, file: str) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    st.code(text, language="json", wrap_lines=True, height=300)
    st.download_button(
        t("components.download_json"),
        text,
        file,
        "application/json",
        key=f"json {name}",
        icon=":material/download:",
        on_click="ignore",
    )
