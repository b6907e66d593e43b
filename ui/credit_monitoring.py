"""Credit risk: how the population and the outcomes compare with what a model was made from, by period."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from ui import charts, components, credit_curves, credit_models, credit_terms
from ui import credit_fields as fields
from ui.client import Failure
from ui.components import Badge, Cell
from ui.credit_fields import AUDITOR, USE_CASE, VALIDATOR
from ui.details import json_box
from ui.fields import choice
from ui.number_format import NOTHING, date_format, number, percent
from ui.session import client
from ui.texts import t

_PERIODS = ("month", "quarter", "day")
_BADGES = {"stable": "good", "watch": "warn", "alarm": "bad"}
# The levels of the API.
_WATCH, _ALARM = 0.1, 0.25
# Fewer applications say nothing about a population: the API calls them stable, so that nothing alarms.
_FEW = 500
_MOST_MODELS = 100
_LINE, _EXPECTED, _ACTUAL = "#3d7fc4", "#8a9a97", "#d9822b"
# Of the chart: a color and a dash pattern for each kind of line.
_LINES = {
    "psi": (_LINE, (1, 0)), "noise": (_EXPECTED, (2, 3)), "level_watch": ("#d9991f", (6, 4)),
    "level_alarm": ("#c2503f", (6, 4)),
}  # fmt: skip

Period = Mapping[str, Any]


def view() -> None:
    """The periods of a model, and one of them."""
    try:
        models, _ = client().newest(USE_CASE, "/models", _MOST_MODELS)
        if not models:
            st.info(t("credit_risk.no_models"), icon=":material/info:")
            return
        model = credit_models.choose(models, "credit.monitored")
        monitoring = client().get(USE_CASE, "/monitoring", model=model["id"], **_range())
    except Failure as failure:
        if failure.code == "conflict":
            st.info(t("credit_risk.nothing_to_monitor"), icon=":material/info:")
            components.model_text(failure.message)
        else:
            fields.failure_box(failure, "monitoring", (VALIDATOR, AUDITOR))
        return
    periods = monitoring["items"]
    if not periods:
        st.info(t("credit_risk.no_periods"), icon=":material/info:")
        return
    _psi(periods)
    _population(periods)
    _backtesting(periods)
    _one(periods)
    json_box(monitoring, "monitoring")


def _range() -> dict[str, str | None]:
    """The query: length of the periods, and the first and last day."""
    left, middle, right = st.columns(3)
    period = left.selectbox(
        t("credit_risk.period_length"), _PERIODS, **choice("credit.period"),
        format_func=lambda name: t(f"credit_risk.period_{name}"),
    )  # fmt: skip
    first = middle.date_input(
        t("credit_risk.from"), None, key="credit.from", format=date_format(), persist_state="session"
    )
    last = right.date_input(t("credit_risk.to"), None, key="credit.to", format=date_format(), persist_state="session")
    st.caption(t("credit_risk.range_note"))
    return {
        "period": period,
        "from": first.isoformat() if first else None,
        "to": last.isoformat() if last else None,
    }


def _level(level: str, period: Period) -> Badge:
    if _is_few(period):
        return Badge("off", t("credit_risk.level_few"))
    return Badge(_BADGES[level], t(f"credit_risk.level_{level}"))


def _psi(periods: Sequence[Period]) -> None:
    caption = t("credit_risk.psi_chart")
    components.section(caption)
    st.caption(t("credit_risk.psi_lead", watch=number(_WATCH, 2), alarm=number(_ALARM, 2)))
    known = [period for period in periods if "scorePsi" in period]
    if not known:
        st.caption(t("credit_risk.no_reference"))
        return
    st.altair_chart(charts.styled(psi_chart(known)), theme=None, alt=caption)
    if any(_is_few(period) for period in known):
        st.caption(t("credit_risk.psi_few", few=number(_FEW)))
    columns = ["period", "level", "psi", "noise", "applications"]
    cells: list[list[Cell]] = [
        [
            period["period"],
            _level(period["level"], period),
            number(period.get("scorePsi"), 3),
            number(period.get("noise"), 3),
            number(period["applications"]),
        ]
        for period in periods
    ]
    components.table(caption, [t(f"credit_risk.{column}") for column in columns], cells, texts=2)
    credit_terms.explain("psi", "psi", "noise", "level")


def _is_few(period: Period) -> bool:
    return bool(period["applications"] < _FEW)


def psi_chart(periods: Sequence[Period]) -> Any:
    """PSI and noise by period with the two levels. Periods with few applications are points of their own, which don't
    set the scale: PSI is large by chance there."""
    enough = [period for period in periods if not _is_few(period)]
    # The legend has what is drawn.
    names = {kind: t(f"credit_risk.{kind}") for kind in _LINES if enough or kind.startswith("level")}
    color = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(names.values()), range=[_LINES[kind][0] for kind in names]),
        legend=alt.Legend(title=None, orient="top", columns=2),
    )
    dash = alt.StrokeDash(
        "kind:N",
        scale=alt.Scale(domain=list(names.values()), range=[list(_LINES[kind][1]) for kind in names]),
        legend=None,
    )
    top = max([_ALARM * 1.15, *(period["scorePsi"] * 1.1 for period in enough)])
    x = alt.X(
        "period:O",
        title=None,
        scale=alt.Scale(domain=[period["period"] for period in periods]),
        axis=alt.Axis(labelAngle=-45),
    )
    y = alt.Y("value:Q", title="PSI", scale=alt.Scale(domain=[0, top], clamp=True))
    tooltip = [
        alt.Tooltip("period:O", title=t("credit_risk.period")),
        alt.Tooltip("kind:N", title=t("credit_risk.measure")),
        alt.Tooltip("value:Q", title=t("credit_risk.value"), format=".3f"),
    ]
    lines = [
        {"period": period["period"], "kind": names[kind], "value": value}
        for period in enough
        for kind, value in (("psi", period["scorePsi"]), ("noise", period.get("noise")))
        if value is not None
    ]
    few = [
        {"period": period["period"], "kind": t("credit_risk.level_few"), "value": period["scorePsi"]}
        for period in periods
        if _is_few(period)
    ]
    levels = [{"kind": names["level_watch"], "y": _WATCH}, {"kind": names["level_alarm"], "y": _ALARM}]
    chart = alt.Chart(pd.DataFrame(levels)).mark_rule(strokeWidth=1.5).encode(y="y:Q", color=color, strokeDash=dash)
    if lines:
        chart += (
            alt.Chart(pd.DataFrame(lines))
            .mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=50))
            .encode(x=x, y=y, color=color, strokeDash=dash, tooltip=tooltip)
        )
    if few:
        chart += (
            alt.Chart(pd.DataFrame(few))
            .mark_point(size=70, filled=False, strokeWidth=2, color=_EXPECTED)
            .encode(x=x, y=y, tooltip=tooltip)
        )
    return chart.properties(height=280)


def _population(periods: Sequence[Period]) -> None:
    caption = t("credit_risk.population")
    components.section(caption)
    columns = [
        "period",
        "applications",
        "mean_score",
        "mean_pd",
        "approval_rate",
        "referred",
        "reviews",
        "overturned_rate",
    ]
    cells: list[list[Cell]] = [
        [
            period["period"],
            number(period["applications"]),
            number(period.get("meanScore"), 1),
            percent(period.get("meanProbabilityOfDefault")),
            percent(period.get("approvalRate")),
            number(period.get("recommendations", {}).get("refer", 0)),
            number(period.get("reviews", 0)),
            percent(period.get("overrideRate")),
        ]
        for period in periods
    ]
    components.table(caption, [t(f"credit_risk.{column}") for column in columns], cells)


def _backtesting(periods: Sequence[Period]) -> None:
    caption = t("credit_risk.backtesting")
    components.section(caption)
    st.caption(t("credit_risk.backtesting_lead"))
    known = [period for period in periods if period.get("outcomes", {}).get("count")]
    if not known:
        st.caption(t("credit_risk.no_outcomes"))
        return
    columns = ["period", "outcomes", "bad_rate", "mean_pd", "auroc", "interval", "gini", "ks", "lgd_pair", "ead_pair"]
    cells: list[list[Cell]] = []
    for period in known:
        outcomes = period["outcomes"]
        interval = outcomes.get("aurocInterval")
        lgd, exposure = outcomes.get("lossGivenDefault"), outcomes.get("exposure")
        cells.append(
            [
                period["period"],
                number(outcomes["count"]),
                percent(outcomes["badRate"]),
                percent(outcomes["meanProbabilityOfDefault"]),
                number(outcomes.get("auroc"), 3),
                f"{number(interval[0], 3)} – {number(interval[1], 3)}" if interval else NOTHING,
                number(outcomes.get("gini"), 3),
                number(outcomes.get("ks"), 3),
                f"{percent(lgd['predicted'])} / {percent(lgd['observed'])}" if lgd else NOTHING,
                f"{number(exposure['predicted'])} / {number(exposure['observed'])}" if exposure else NOTHING,
            ]
        )
    components.table(caption, [t(f"credit_risk.{column}") for column in columns], cells)
    credit_terms.explain("backtesting", "bad_rate", "mean_pd", "auroc", "interval", "gini", "ks", "lgd", "ead")


def _one(periods: Sequence[Period]) -> None:
    """What moved in a period, what was missing, and how its groups did."""
    components.section(t("credit_risk.one_period"))
    by_name = {period["period"]: period for period in periods}
    if st.session_state.get("credit.one_period") not in by_name:
        st.session_state["credit.one_period"] = periods[-1]["period"]
    chosen = st.selectbox(
        t("credit_risk.period"), list(by_name)[::-1], key="credit.one_period", persist_state="session"
    )
    period = by_name[chosen]
    _moved(period)
    _missing(period)
    outcomes = period.get("outcomes", {})
    if outcomes.get("calibration"):
        caption = t("credit_risk.calibration_of", period=chosen)
        credit_curves.calibration(outcomes["calibration"], caption)
    _segments(period)


def _moved(period: Period) -> None:
    characteristics = sorted(period.get("characteristics", ()), key=lambda entry: -entry["psi"])
    if not characteristics:
        return
    caption = t("credit_risk.moved")
    cells: list[list[Cell]] = [
        [
            fields.name(entry["name"]),
            _level(entry["level"], period),
            number(entry["psi"], 3),
            number(entry["noise"], 3),
        ]
        for entry in characteristics
    ]
    columns = ["characteristic", "level", "csi", "noise"]
    components.table(caption, [t(f"credit_risk.{column}") for column in columns], cells, texts=2, titled=True)
    credit_terms.explain("moved", "csi", "noise", "level")
    by_name = {entry["name"]: entry for entry in characteristics}
    if st.session_state.get("credit.moved") not in by_name:
        st.session_state["credit.moved"] = characteristics[0]["name"]
    chosen = st.selectbox(
        t("credit_risk.classes_of"), list(by_name), format_func=fields.name, **choice("credit.moved"),
    )  # fmt: skip
    _classes(by_name[chosen])


def _classes(characteristic: Mapping[str, Any]) -> None:
    names = {"expected": t("credit_risk.expected"), "actual": t("credit_risk.actual")}
    labels = [fields.class_label(characteristic["name"], entry["class"]) for entry in characteristic["classes"]]
    rows = [
        {"class": label, "share": entry[kind], "kind": name}
        for label, entry in zip(labels, characteristic["classes"], strict=True)
        for kind, name in names.items()
    ]
    domain = list(names.values())
    bars = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar()
        .encode(
            y=alt.Y("class:N", title=None, sort=labels, axis=alt.Axis(labelLimit=160)),
            yOffset=alt.YOffset("kind:N", sort=domain),
            x=alt.X("share:Q", title=t("credit_risk.share"), axis=alt.Axis(format=".0%", tickCount=5)),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=domain, range=[_EXPECTED, _ACTUAL]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=[
                alt.Tooltip("class:N", title=t("credit_risk.class")),
                alt.Tooltip("kind:N", title=t("credit_risk.measure")),
                alt.Tooltip("share:Q", title=t("credit_risk.share"), format=".1%"),
            ],
        )
        .properties(height=46 * len(labels) + 60)
    )
    cells: list[list[Cell]] = [
        [label, percent(entry["expected"]), percent(entry["actual"])]
        for label, entry in zip(labels, characteristic["classes"], strict=True)
    ]
    caption = t("credit_risk.classes_caption", name=fields.name(characteristic["name"]))
    charts.with_table(bars, caption, [t("credit_risk.class"), *domain], cells)


def _missing(period: Period) -> None:
    rates = sorted(period.get("missingRates", {}).items(), key=lambda item: -item[1])
    if rates:
        caption = t("credit_risk.missing_rates")
        cells: list[list[Cell]] = [[fields.name(name), percent(rate)] for name, rate in rates]
        components.table(caption, [t("credit_risk.characteristic"), t("credit_risk.missing_rate")], cells, titled=True)


def _segments(period: Period) -> None:
    if segments := period.get("segments"):
        caption = t("credit_risk.segments")
        columns = ["segment", "applications", "approval_rate", "ratio"]
        cells: list[list[Cell]] = [
            [
                entry["segment"],
                number(entry["applications"]),
                percent(entry["approvalRate"]),
                number(entry.get("ratio"), 2),
            ]
            for entry in segments
        ]
        components.section(caption)
        st.caption(t("credit_risk.segments_lead"))
        components.table(caption, [t(f"credit_risk.{column}") for column in columns], cells)
