"""Credit risk: the form of an application, its score with everything that explains it, and reviews."""

import base64
import html
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from ui import charts, components, credit_terms
from ui import credit_fields as fields
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.components import Cell
from ui.credit_examples import EXAMPLES
from ui.credit_fields import AUDITOR, SCORER, USE_CASE
from ui.details import details
from ui.fields import Fields, kept
from ui.number_format import date_format, money, number, percent, signed
from ui.session import client
from ui.texts import language, t

_PREFIX, _SHOWN = "credit.field.", "credit.shown"
_PAGE_SIZE = 10
_MAX_REASON = 1_000
_DECISIONS = ("approve", "decline")
_BADGES = {"approve": "good", "refer": "warn", "decline": "bad"}
_COLORS = {"decline": "#c2503f", "refer": "#d9991f", "approve": "#2f9163"}


def view() -> None:
    """The form, the score that it gave, and earlier scores."""
    request = ApiRequest(USE_CASE, "/scores")
    with st.container(horizontal=True, gap="small"):
        for name in EXAMPLES:
            st.button(t(f"credit_risk.example_{name}"), key=f"credit example {name}", on_click=_fill, args=(name,))
    form = Fields()
    body = _form(request, form)
    problem = form.problem or fields.problem({**body["loan"], **body["applicant"]})
    request.run(body, t("credit_risk.scoring"), problem)
    fields.outcome(request, (SCORER,))
    if request.response:
        with st.container(border=True, key="credit-score"):
            _sample(request.response)
            _score(request.response, "new score")
            _points(request.response)
            _model_line(request.response)
    if request.body:
        details(USE_CASE, "POST", "/scores", request.body, request.response)
    _earlier()


def _fill(example: str) -> None:
    for name, value in EXAMPLES[example].items():
        st.session_state[f"{_PREFIX}{name}"] = value


def _form(request: ApiRequest, form: Fields) -> dict[str, Any]:
    with st.form("credit score"):
        loan = _inputs(fields.LOAN, "loan", form)
        applicant = _inputs(fields.APPLICANT, "applicant", form)
        applicant |= _inputs(fields.REPORT, "report", form)
        optional = _optional(form)
        st.form_submit_button(
            t("credit_risk.score_button"), type="primary", icon=":material/speed:", on_click=request.start,
            disabled=request.running,
        )  # fmt: skip
    return {"applicant": applicant, "loan": loan, "language": language(), **optional}


def _inputs(group: tuple[fields.Field, ...], name: str, form: Fields) -> dict[str, Any]:
    st.markdown(f"**{t(f'credit_risk.group_{name}')}**")
    with st.container(key=f"credit-fields-{name}"):
        values = {field.name: fields.widget(field, _PREFIX, form) for field in group}
    return {field: value for field, value in values.items() if value is not None}


def _optional(form: Fields) -> dict[str, str]:
    with st.expander(t("credit_risk.optional")), st.container(key="credit-fields-optional"):
        application = form.text_input(
            t("credit_risk.application_id"), "credit.application", 64, placeholder="A-2026-000123"
        )
        segment = form.text_input(
            t("credit_risk.segment"), "credit.segment", 40, placeholder="branch-12", help=t("credit_risk.segment_help")
        )
        day = st.date_input(
            t("credit_risk.application_date"), None, format=date_format(),
            help=t("credit_risk.application_date_help"), **kept("credit.date"),
        )  # fmt: skip
    given = {
        "applicationId": application,
        "segment": segment,
        "applicationDate": day.isoformat() if day else "",
    }
    return {name: value for name, value in given.items() if value}


def _score(score: Mapping[str, Any], place: str) -> None:
    left, right = st.columns([1, 1], vertical_alignment="center")
    with left:
        st.html(gauge(score))
    with right:
        components.badge(_BADGES[score["recommendation"]], t(f"credit_risk.recommend_{score['recommendation']}"))
        cut_off = score["cutOff"]
        st.caption(
            t("credit_risk.cut_offs_in_force", approve=number(cut_off["approve"]), refer=number(cut_off["refer"]))
        )
        st.caption(t("credit_risk.recommendation_note"))
    for warning in score.get("warnings", ()):
        st.warning(
            t(f"credit_risk.warning_{warning['code']}", field=components.plain(fields.path(warning["path"]))),
            icon=":material/warning:",
        )
    currency = score["currency"]
    components.figures(
        {
            t("credit_risk.pd"): percent(score["probabilityOfDefault"]),
            t("credit_risk.pd_12"): percent(score.get("probabilityOfDefault12Months")),
            t("credit_risk.lgd"): percent(score["lossGivenDefault"]),
            t("credit_risk.ccf"): percent(score["creditConversionFactor"]),
            t("credit_risk.ead"): money(score["exposureAtDefault"], currency),
            t("credit_risk.el"): money(score["expectedLoss"], currency),
            t("credit_risk.el_rate"): percent(score["expectedLossRate"], 2),
        }
    )
    credit_terms.explain(place, "pd", "pd_12", "lgd", "ccf", "ead", "el", "el_rate")
    st.markdown(f"**{t('credit_risk.reasons')}**")
    if not score["reasons"]:
        st.caption(t("credit_risk.no_reasons"))
        return
    reasons = "".join(
        f"<li>{html.escape(reason['text'])} <small>"
        f"{html.escape(t('credit_risk.below_average', points=number(reason['pointsBelowAverage'])))}</small></li>"
        for reason in score["reasons"]
    )
    st.html(f'<ol class="reasons">{reasons}</ol>')


def gauge(score: Mapping[str, Any]) -> str:
    """A half circle from the lowest to the highest score, with the cut-offs and the score."""
    low, high = score["scoreRange"]["min"], score["scoreRange"]["max"]
    cuts = [min(max(score["cutOff"][name], low), high) for name in ("refer", "approve")]
    ends = [low, *cuts, high]
    arcs = "".join(
        f'<path d="{_arc(_angle(start, low, high), _angle(end, low, high))}" fill="none" stroke="{color}" '
        'stroke-width="20"/>'
        for (start, end), color in zip(pairwise(ends), _COLORS.values(), strict=True)
        if end > start
    )
    labels = "".join(_tick(cut, low, high) for cut in dict.fromkeys(cuts) if low < cut < high)
    x, y = _point(_angle(score["score"], low, high), 78)
    left, right = (_point(_angle(score["score"], low, high) + side, 58) for side in (0.05, -0.05))
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 260 150" fill="{charts.text_color()}" '
        f'font-family="system-ui, sans-serif" font-size="11" text-anchor="middle">{arcs}{labels}'
        f'<polygon points="{x:.1f},{y:.1f} {left[0]:.1f},{left[1]:.1f} {right[0]:.1f},{right[1]:.1f}"/>'
        f'<text x="130" y="120" font-size="36" font-weight="600">{number(score["score"])}</text>'
        f'<text x="40" y="146">{number(low)}</text><text x="220" y="146">{number(high)}</text></svg>'
    )
    text = t(
        "credit_risk.gauge", score=number(score["score"]), low=number(low), high=number(high),
        refer=number(score["cutOff"]["refer"]), approve=number(score["cutOff"]["approve"]),
    )  # fmt: skip
    # As an image: `st.html` removes SVG elements.
    data = base64.b64encode(drawing.encode()).decode()
    return f'<img class="gauge" src="data:image/svg+xml;base64,{data}" alt="{html.escape(text)}">'


def _angle(score: float, low: float, high: float) -> float:
    """Radians: pi is the lowest score, 0 the highest."""
    share = (min(max(score, low), high) - low) / ((high - low) or 1)
    return math.pi * (1 - share)


def _point(angle: float, radius: float) -> tuple[float, float]:
    return 130 + radius * math.cos(angle), 128 - radius * math.sin(angle)


def _arc(start: float, end: float) -> str:
    (x1, y1), (x2, y2) = _point(start, 90), _point(end, 90)
    return f"M {x1:.1f} {y1:.1f} A 90 90 0 0 1 {x2:.1f} {y2:.1f}"


def _tick(score: int, low: int, high: int) -> str:
    x, y = _point(_angle(score, low, high), 112)
    return f'<text x="{x:.1f}" y="{y:.1f}">{number(score)}</text>'


def _points(score: Mapping[str, Any]) -> None:
    """What each characteristic adds, against the average."""
    caption = t("credit_risk.points_chart")
    st.markdown(f"**{caption}**")
    average = score["basePoints"] + sum(entry["averagePoints"] for entry in score["points"])
    st.caption(t("credit_risk.points_lead", average=number(average)))
    rows = [
        {
            "name": fields.name(entry["characteristic"]),
            "class": fields.class_label(entry["characteristic"], entry["class"]),
            "difference": entry["points"] - entry["averagePoints"],
        }
        for entry in score["points"]
    ]
    bars = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(size=16)
        .encode(
            x=alt.X("difference:Q", title=None),
            y=alt.Y("name:N", title=None, sort="x", axis=alt.Axis(labelLimit=190)),
            color=alt.condition("datum.difference < 0", alt.value(_COLORS["decline"]), alt.value(_COLORS["approve"])),
            tooltip=[
                alt.Tooltip("name:N", title=t("credit_risk.characteristic")),
                alt.Tooltip("class:N", title=t("credit_risk.class")),
                alt.Tooltip("difference:Q", title=t("credit_risk.difference"), format="+.1f"),
            ],
        )
        .properties(height=26 * len(rows) + 50)
    )
    charts.with_table(bars, caption, *_points_table(score), texts=2)


def _points_table(score: Mapping[str, Any]) -> tuple[list[str], list[list[Cell]]]:
    columns = ["characteristic", "class", "points", "average", "difference"]
    rows: list[list[Cell]] = [
        [
            fields.name(entry["characteristic"]),
            fields.class_label(entry["characteristic"], entry["class"]),
            signed(entry["points"]),
            signed(entry["averagePoints"], 1),
            signed(entry["points"] - entry["averagePoints"], 1),
        ]
        for entry in score["points"]
    ]
    return [t(f"credit_risk.{column}") for column in columns], rows


def _sample(score: Mapping[str, Any]) -> None:
    if score["model"].get("sample"):
        components.badge("warn", t("credit_risk.sample"), t("credit_risk.sample_note"))


def _model_line(score: Mapping[str, Any]) -> None:
    model = score["model"]
    facts = [model["name"], model["version"], components.local_time(score["createdAt"])]
    st.html(f'<p class="usage">{" · ".join(html.escape(fact) for fact in facts)}</p>')


def _earlier() -> None:
    components.section(t("credit_risk.earlier"))
    shown = st.session_state.get(_SHOWN, _PAGE_SIZE)
    try:
        scores, more = client().newest(USE_CASE, "/scores", shown)
    except Failure as failure:
        fields.failure_box(failure, "earlier scores", (SCORER, AUDITOR))
        return
    if not scores:
        st.caption(t("credit_risk.no_scores"))
    for score in scores:
        with st.container(border=True, key=f"credit-earlier-{score['id']}"):
            title = score.get("applicationId") or t("credit_risk.no_number")
            st.html(f'<p class="source" dir="auto">{html.escape(title)}</p>')
            details = [
                t("credit_risk.score_of", score=number(score["score"])),
                t("credit_risk.pd_of", pd=percent(score["probabilityOfDefault"])),
                components.local_time(score["createdAt"]),
            ]
            components.badge(
                _BADGES[score["recommendation"]],
                t(f"credit_risk.recommend_{score['recommendation']}"),
                " · ".join(details),
            )
            if "review" in score:
                components.badge(*_reviewed(score["review"], score["recommendation"]))
            expander = st.expander(
                t("credit_risk.details"), icon=":material/fact_check:", key=f"credit details {score['id']}",
                on_change="rerun",
            )  # fmt: skip
            if expander.open:
                with expander:
                    _details(score)
    if more and st.button(t("components.more"), key="credit more scores", icon=":material/expand_more:"):
        st.session_state[_SHOWN] = shown + _PAGE_SIZE
        st.rerun()


def _details(listed: Mapping[str, Any]) -> None:
    score_id = listed["id"]
    # Before the score is read, so that it has the new review.
    _review_form(ApiRequest(USE_CASE, f"/scores/{score_id}/reviews"), listed)
    try:
        score = client().get(USE_CASE, f"/scores/{score_id}")
    except Failure as failure:
        fields.failure_box(failure, f"score {score_id}", (SCORER, AUDITOR))
        return
    _reviews(score)
    _sample(score)
    _score(score, f"score {score_id}")
    columns, rows = _points_table(score)
    components.table(t("credit_risk.points_chart"), columns, rows, texts=2, titled=True, stacked=True)
    application = {**score["loan"], **score["applicant"]}
    rows = [[fields.name(name), fields.value(name, value)] for name, value in application.items() if value is not None]
    components.table(
        t("credit_risk.application"),
        [t("credit_risk.characteristic"), t("credit_risk.value")],
        rows,
        texts=2,
        titled=True,
    )
    _model_line(score)
    st.caption(t("credit_risk.score_id", id=components.plain(score_id)))
    for reviewer in dict.fromkeys(review["reviewedBy"] for review in score["reviews"]):
        st.caption(t("credit_risk.reviewer_id", id=components.plain(reviewer)))


def _review_form(request: ApiRequest, score: Mapping[str, Any]) -> None:
    if request.response:
        # It cannot be changed.
        st.success(t("credit_risk.review_saved"), icon=":material/check:")
        return
    recommendation = score["recommendation"]
    form = Fields()
    with st.form(f"credit review {score['id']}"):
        st.markdown(f"**{t('credit_risk.review')}**")
        st.caption(t("credit_risk.review_note"))
        # Nothing is chosen at first: who decides should not just agree.
        decision = st.radio(
            t("credit_risk.decision"), _DECISIONS, index=None, horizontal=True, key=f"credit decision {score['id']}",
            format_func=lambda name: _decision(name, recommendation),
        )  # fmt: skip
        reason = form.text_area(t("credit_risk.reason"), f"credit reason {score['id']}", _MAX_REASON)
        st.form_submit_button(
            t("credit_risk.save_review"), icon=":material/how_to_reg:", on_click=request.start,
            disabled=request.running,
        )  # fmt: skip
    is_overturned = recommendation in _DECISIONS and decision != recommendation
    body = {"outcome": "overturned" if is_overturned else "upheld", "decision": decision, "reason": reason}
    missing = "no_decision" if decision is None else "no_reason" if not reason else ""
    problem = form.problem or (t(f"credit_risk.{missing}") if missing else None)
    request.run(body, t("credit_risk.saving"), problem)
    fields.outcome(request, (SCORER,))


def _decision(decision: str, recommendation: str) -> str:
    """A decision, and whether it is the recommended one."""
    name = t(f"credit_risk.decision_{decision}")
    # An application that is referred has no recommended decision.
    if recommendation not in _DECISIONS:
        return name
    return t("credit_risk.as_recommended" if decision == recommendation else "credit_risk.not_recommended", name=name)


def _reviewed(review: Mapping[str, Any], recommendation: str) -> tuple[str, str]:
    """The level and text of a review's badge."""
    level = "good" if review["outcome"] == "upheld" else "warn"
    if "decision" not in review:
        return level, t(f"credit_risk.{review['outcome']}")
    return level, t("credit_risk.decided", decision=_decision(review["decision"], recommendation))


def _reviews(score: Mapping[str, Any]) -> None:
    for review in score["reviews"]:
        components.badge(*_reviewed(review, score["recommendation"]), components.local_time(review["createdAt"]))
        components.model_text(review["reason"], tag="blockquote")
