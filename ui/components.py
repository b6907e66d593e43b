"""Components of the pages. Text from users and models is shown as plain text, never as HTML or Markdown."""

import html
import re
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import streamlit as st

from ui import lists, model_names, own_token, stage
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.fields import FieldProblem
from ui.markdown import as_html
from ui.number_format import number
from ui.session import client
from ui.texts import t, translations

# The longest text that the APIs accept.
MAX_CHARACTERS = 50_000
_NAME_WIDTH = 60
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:&])")


def plain(text: str) -> str:
    """Escapes text for a label, a caption or a `t` placeholder, which Streamlit renders as Markdown."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def model_text(text: str, *, tag: str = "p") -> None:
    """Shows a model's text: escaped, with its line breaks, without active links."""
    st.html(f'<{tag} class="model-text" dir="auto">{html.escape(text)}</{tag}>')


def markdown(text: str) -> None:
    """Shows a model's Markdown, without active links or images."""
    st.html(f'<div class="markdown" dir="auto">{as_html(text, t("components.copy"))}</div>')


def header(use_case: str) -> None:
    """A page's title and lead sentence."""
    st.title(t(f"{use_case}.title"), anchor=False)
    st.html(f'<p class="lead">{html.escape(t(f"{use_case}.lead"))}</p>')


def badge(level: str, state: str, details: str = "") -> None:
    """A state with a color (`level`: `good`, `warn`, `bad` or `off`), followed by details."""
    st.html(
        f'<p class="state"><span class="badge {level}">{html.escape(state)}</span> '
        f"<span>{html.escape(details.replace('`', ''))}</span></p>"
    )


def section(title: str) -> None:
    """A heading within a page."""
    st.header(title, anchor=False)


def outcome(request: ApiRequest) -> None:
    """Why the request has no response: the user's mistake or the failure, if any."""
    if request.problem:
        problem_box(request.problem)
    elif request.failure:
        error_box(request.failure, key=f"{request.use_case}{request.path}")


def problem_box(problem: str) -> None:
    """What the user has to correct, unless its field shows it already. ui/page.js scrolls to the field."""
    if not isinstance(problem, FieldProblem):
        st.warning(problem, icon=":material/edit:")


def error_box(failure: Failure, key: str) -> None:
    """What happened, what to do, and the request id. `key` is unique on the page."""
    code = "signed_out" if failure.code == "unauthorized" and own_token.required() else failure.code
    code = code if f"errors.{code}_what" in translations() else "unexpected"
    with st.container(key=f"error-{_slug(key)}"):
        st.error(
            f"**{t(f'errors.{code}_what')}**  \n{t(f'errors.{code}_do', command=stage_command())}",
            icon=":material/error:",
        )
        if code == "signed_out":
            again = t("sign_in.again")
            st.button(again, key=f"sign-in {key}", on_click=own_token.sign_in_again, icon=":material/login:")
        if failure.retry_at:
            _countdown(failure.retry_at)
        messages = [failure.message, *(f"{detail.get('path')}: {detail.get('message')}" for detail in failure.details)]
        if any(messages) or failure.request_id:
            with st.expander(t("components.details"), expanded=code in ("invalid_request", "unexpected")):
                if any(messages):
                    st.caption(t("errors.api_message"))
                    model_text("\n".join(dict.fromkeys(filter(None, messages))))
                if failure.request_id:
                    st.caption(t("errors.request_id"))
                    st.code(failure.request_id, language=None, wrap_lines=True)


@st.fragment(run_every=1)
def _countdown(until: float) -> None:
    seconds = int(until - time.monotonic() + 0.999)
    st.caption(t("errors.again_in", seconds=seconds) if seconds > 0 else t("errors.again_now"))


def stage_missing(missing: stage.StageMissing) -> None:
    """Replaces every page while the stage does not exist: shows the command that starts it."""
    st.title(t("errors.stage_missing"), anchor=False)
    st.markdown(t("errors.stage_missing_do", stage=plain(missing.stage)))
    st.code(missing.command, language=None)
    if st.button(t("errors.look_again"), type="primary"):
        st.rerun()
    with st.expander(t("errors.details")):
        model_text(str(missing))


def stage_command() -> str:
    """The command that deploys the stage."""
    return stage.deploy_command(stage.current().name)


def usage_line(response: Mapping[str, Any]) -> None:
    """The model and its usage."""
    usage = response.get("usage", {})
    counts = [
        t(f"components.{name}", count=number(usage[name]))
        for name in ("inputTokens", "outputTokens", "images")
        if name in usage
    ]
    facts = [model_names.name(response["model"]) if "model" in response else "", *counts]
    st.html(f'<p class="usage">{" · ".join(html.escape(fact) for fact in facts if fact)}</p>')


def local_time(timestamp: str) -> str:
    """An RFC 3339 time in the browser's time zone, to the minute."""
    time_utc = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
    try:
        return time_utc.astimezone(_zone()).strftime("%Y-%m-%d %H:%M")
    except (KeyError, ValueError):
        return time_utc.strftime("%Y-%m-%d %H:%M UTC")


def _zone() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(st.context.timezone or "UTC")


class Badge(NamedTuple):
    """A state in a table, colored as by `badge`."""

    level: str
    state: str


Cell = str | Badge


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    texts: int = 1,
    titled: bool = False,
    stacked: bool = False,
) -> None:
    """A table whose first columns (`texts`) are texts and the others numbers. `titled` shows its caption.

    On a phone, a wide table scrolls; with `stacked`, each row becomes a list of its cells, named by their columns.
    Unlike `st.dataframe`, it is written in the user's language and read by screen readers.
    """
    align = [' class="text"' if index < texts else "" for index in range(len(columns))]
    head = "".join(
        f'<th scope="col"{style}>{html.escape(column)}</th>' for style, column in zip(align, columns, strict=True)
    )
    # style.css shows the columns' names on a phone.
    names = [f' data-column="{html.escape(column)}"' if stacked else "" for column in columns]
    attributes = [style + name for style, name in zip(align, names, strict=True)]
    body = "".join(f"<tr>{_cells(row, attributes)}</tr>" for row in rows)
    title = f"<caption>{html.escape(caption)}</caption>" if titled else ""
    # The keyboard scrolls only what has the focus.
    st.html(
        f'<div class="table{" stacked" if stacked else ""}" role="region" aria-label="{html.escape(caption)}" '
        f'tabindex="0"><table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cells(row: Sequence[Cell], attributes: Sequence[str]) -> str:
    return "".join(
        f'<th scope="row"{attribute}>{_cell(cell)}</th>' if index == 0 else f"<td{attribute}>{_cell(cell)}</td>"
        for index, (cell, attribute) in enumerate(zip(row, attributes, strict=True))
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, Badge):
        return f'<span class="badge {cell.level}">{html.escape(cell.state)}</span>'
    return html.escape(cell)


def figures(values: Mapping[str, str]) -> None:
    """Named figures next to each other."""
    items = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in values.items()
    )
    st.html(f'<dl class="figures">{items}</dl>')


def print_button() -> None:
    """Prints the page; `style.css` hides everything but the report."""
    label = html.escape(t("components.print"))
    st.html(
        f'<button type="button" class="print" id="print-page">{label}</button>'
        "<script>document.getElementById('print-page').onclick = () => window.print()</script>",
        unsafe_allow_javascript=True,
        width="content",
    )


def _confirm(
    question: str, use_case: str, path: str, on_deleted: Callable[[], None], preview: Callable[[], None] | None
) -> None:
    st.markdown(question)
    if preview:
        preview()
    with st.container(horizontal=True):
        if st.button(t("components.delete"), type="primary", icon=":material/delete:", key="confirm-delete"):
            try:
                client().delete(use_case, path)
            except Failure as failure:
                error_box(failure, "delete")
                return
            lists.forget(use_case)
            on_deleted()
            st.rerun()
        if st.button(t("components.keep"), key="confirm-keep"):
            st.rerun()


def delete_button(
    label: str,
    question: str,
    use_case: str,
    path: str,
    on_deleted: Callable[[], None],
    preview: Callable[[], None] | None = None,
) -> None:
    """A button that deletes after a confirmation, in which `preview` shows what is deleted.

    Streamlit renders `label` and `question` as Markdown.
    """
    if st.button(label, key=f"delete {use_case}{path}", icon=":material/delete:"):
        st.dialog(t("components.confirm_delete"))(_confirm)(question, use_case, path, on_deleted, preview)


def name_buttons(text: str) -> None:
    """Adds what they are for to the names of all buttons in this container, for those who can't see their place.

    ui/page.js does it: Streamlit's buttons have no other names than their labels.
    """
    st.html(f'<span class="buttons-for" hidden data-name="{html.escape(textwrap.shorten(text, _NAME_WIDTH))}"></span>')


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def local_date(timestamp: str) -> date:
    """The day of an RFC 3339 time in the browser's time zone."""
    return date.fromisoformat(local_time(timestamp)[:10])


def today() -> date:
    """The day in the browser's time zone."""
    return local_date(datetime.now(UTC).isoformat())


def copy_button(text: str) -> None:
    """Copies a text to the clipboard; ui/page.js handles the click."""
    label = html.escape(t("components.copy"))
    st.html(f'<button type="button" class="copy" data-text="{html.escape(text)}">{label}</button>', width="content")
