"""What pages are put together from. Whatever a person or a model wrote is shown as text, never as HTML or Markdown."""

import html
import json
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from bedrock_endpoints import Stage
from bedrock_endpoints.auth import Bearer
from bedrock_endpoints.errors import ConfigurationError
from ui import stage
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.texts import t, translations

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:&])")
_LONGEST_SHOWN = 400


def plain(text: str) -> str:
    """Text for a label, a caption or a `t` placeholder, where Streamlit would read Markdown."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def model_text(text: str, *, kind: str = "p") -> None:
    """What a model wrote, as text: escaped, its line ends kept, its links dead."""
    st.html(f'<{kind} class="model-text" dir="auto">{html.escape(text)}</{kind}>')


def header(use_case: str) -> None:
    """A page's title and its one sentence."""
    st.title(t(f"{use_case}.title"), anchor=False)
    st.html(f'<p class="lead">{html.escape(t(f"{use_case}.lead"))}</p>')


def badge(kind: str, state: str, more: str = "") -> None:
    """A state in colour (`good`, `warn`, `bad` or `off`) and in words, and what there is to say of it."""
    st.html(
        f'<p class="state"><span class="badge {kind}">{html.escape(state)}</span> '
        f"<span>{html.escape(more.replace('`', ''))}</span></p>"
    )


def section(title: str) -> None:
    """A heading within a page."""
    st.subheader(title, anchor=False)


def outcome(request: ApiRequest) -> None:
    """What stands in the way of an answer, if something does."""
    if request.problem:
        st.warning(request.problem, icon=":material/edit:")
    elif request.failure:
        error_box(request.failure, key=f"{request.use_case}{request.path}")


def error_box(failure: Failure, key: str) -> None:
    """What happened, what to do, and the id to quote. `key` tells this box from others on the page."""
    known = failure.code if f"errors.{failure.code}_what" in translations() else "unexpected"
    with st.container(key=f"error-{_slug(key)}"):
        st.error(
            f"**{t(f'errors.{known}_what')}**  \n{t(f'errors.{known}_do', command=stage_command())}",
            icon=":material/error:",
        )
        if failure.retry_at:
            _countdown(failure.retry_at)
        said = [failure.message, *(f"{one.get('path')}: {one.get('message')}" for one in failure.details)]
        if any(said):
            with st.expander(t("errors.api_said"), expanded=known in ("invalid_request", "unexpected")):
                model_text("\n".join(dict.fromkeys(filter(None, said))))
        if failure.request_id:
            st.caption(t("errors.quote"))
            st.code(failure.request_id, language=None, wrap_lines=True)


@st.fragment(run_every=1)
def _countdown(until: float) -> None:
    seconds = int(until - time.monotonic() + 0.999)
    st.caption(t("errors.again_in", seconds=seconds) if seconds > 0 else t("errors.again_now"))


def stage_missing(missing: stage.StageMissing) -> None:
    """There is no stage: the command that starts it."""
    st.title(t("errors.stage_missing"), anchor=False)
    st.markdown(t("errors.stage_missing_do", stage=plain(missing.stage)))
    st.code(missing.command, language=None)
    if st.button(t("errors.look_again"), type="primary"):
        st.rerun()
    with st.expander(t("errors.details")):
        model_text(str(missing))


def stage_command() -> str:
    """The command that (re)starts this page's stage."""
    return stage.deploy_command(stage.current().name)


def usage_line(answer: Mapping[str, Any]) -> None:
    """Which model answered, what it used, and the request's id."""
    usage = answer.get("usage", {})
    used = [
        t(f"components.{name}", count=f"{usage[name]:,}")
        for name in ("inputTokens", "outputTokens", "images")
        if name in usage
    ]
    told = [answer.get("model", ""), *used, *([answer["requestId"]] if "requestId" in answer else [])]
    st.html(f'<p class="usage">{" · ".join(html.escape(one) for one in told if one)}</p>')


def when(timestamp: str) -> str:
    """An RFC 3339 time in the browser's time zone, to the minute."""
    moment = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
    try:
        moment = moment.astimezone(_zone())
    except (KeyError, ValueError):
        return moment.strftime("%Y-%m-%d %H:%M UTC")
    return moment.strftime("%Y-%m-%d %H:%M")


def _zone() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(st.context.timezone or "UTC")


def request_box(use_case: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
    """The same request as a command for a shell."""
    with st.expander(t("components.as_curl"), icon=":material/terminal:"):
        st.caption(t("components.as_curl_note"))
        st.code(curl(stage.current(), use_case, method, path, body), language="bash", wrap_lines=True)


def curl(where: Stage, use_case: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
    """A request as a command: the keys are the shell's variables, and what is long (a photo) is cut."""
    variable = f"{use_case.upper().replace('-', '_')}_URL"
    local = stage.is_local(where)
    lines = ["source .local/env"] if local else _settings(where, use_case, variable)
    command = ["curl -sS"] if method in ("GET", "POST") else [f"curl -sS -X {method}"]
    if path.endswith("/stream"):
        command.append("--no-buffer")
    if isinstance(where.auth, Bearer):
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


def _settings(where: Stage, use_case: str, variable: str) -> list[str]:
    """The variables that the command uses."""
    try:
        region, url = where.region(use_case), f"{where.url(use_case)}/"
    except ConfigurationError:
        region, url = where.default_region, ""
    return [f"AWS_REGION={region or ''}", f"{variable}={_quoted(url)}"]


def _shortened(value: Any) -> Any:
    """Base64 of a photo fills pages and no terminal takes it."""
    if isinstance(value, Mapping):
        return {
            name: "<base64>" if name == "data" and len(str(one)) > _LONGEST_SHOWN else _shortened(one)
            for name, one in value.items()
        }
    return [_shortened(one) for one in value] if isinstance(value, list) else value


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def json_box(value: Mapping[str, Any], name: str) -> None:
    """An answer as JSON, to copy or to keep."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    with st.expander("JSON", icon=":material/data_object:"):
        st.code(text, language="json", wrap_lines=True)
        st.download_button(t("components.download_json"), text, f"{name}.json", "application/json", key=f"json {name}")


def print_button() -> None:
    """Prints the page; `style.css` leaves out what is not the report."""
    label = html.escape(t("components.print"))
    st.html(
        f'<button type="button" class="print" id="print-page">{label}</button>'
        "<script>document.getElementById('print-page').onclick = () => window.print()</script>",
        unsafe_allow_javascript=True,
        width="content",
    )


@st.dialog(" ")
def _confirm(question: str, use_case: str, path: str, then: Any) -> None:
    from ui.session import client

    st.markdown(question)
    with st.container(horizontal=True):
        if st.button(t("components.delete"), type="primary", icon=":material/delete:", key="confirm-delete"):
            try:
                client().delete(use_case, path)
            except Failure as failure:
                error_box(failure, "delete")
                return
            then()
            st.rerun()
        if st.button(t("components.keep"), key="confirm-keep"):
            st.rerun()


def delete_button(label: str, question: str, use_case: str, path: str, then: Any) -> None:
    """A button that asks before it deletes; `then` is called after it has. The labels are read as Markdown."""
    if st.button(label, key=f"delete {use_case}{path}", icon=":material/delete:"):
        _confirm(question, use_case, path, then)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
