"""The usage page: budgets and what is left of them, and what was used by day, use case and model."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from ui import charts, components, usage_line
from ui.client import Failure
from ui.components import Cell
from ui.details import details
from ui.entry import Entry
from ui.fields import choice, kept
from ui.number_format import cost, cost_number, date_format, number, short
from ui.session import client
from ui.texts import t, translations

USE_CASE = "usage"
_OWN, _ALL = "own", "all"
_GROUPS = ("useCase", "model", "caller", "team")
_MEASURES = ("estimatedCostUsd", "requests", "inputTokens", "outputTokens", "images")
# Vega's scheme tableau10 without its gray, which is for the sum of the other groups. More are hard to distinguish.
_COLORS = ("#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#eeca3b", "#b279a2", "#9d755d")
_COLOR_OF_OTHERS = "#bab0ac"
# The API's limit.
_MOST_DAYS = 92
_OWN_DATES = "own"
_PERIODS = ("today", "week", "month", _OWN_DATES)
_PERIOD, _FROM, _TO = "usage.period", "usage.from", "usage.to"
# What the API answers to those who are not administrators: over the API for tokens it has no such route.
_NOT_ADMINISTRATOR = ("forbidden", "not_found", "unauthorized")

Row = Mapping[str, Any]


def page() -> None:
    """The caller's budgets, and a report."""
    components.header("usage")
    try:
        _budgets(client().get(USE_CASE, "/budgets")["items"])
    except Failure as failure:
        components.error_box(failure, "budgets")
        return
    _report()


ENTRY = Entry(USE_CASE, page, probe="/budgets", icon=":material/monitoring:", position=90, optional=True)


def _budgets(budgets: Sequence[Row]) -> None:
    components.section(t("usage.budgets"))
    if not budgets:
        st.caption(t("usage.no_budgets"))
        return
    for budget in budgets:
        amounts = [cost(budget[name]) if budget["of"] == "usd" else short(budget[name]) for name in ("used", "limit")]
        names = {name: t(f"usage.{name}_{budget[name]}") for name in ("per", "of", "every")}
        until = components.local_time(budget["until"])
        st.progress(
            usage_line.share(budget), t("usage.budget", used=amounts[0], limit=amounts[1], until=until, **names)
        )
    if all(budget["of"] != "usd" for budget in budgets):
        st.caption(t("usage.no_cost_limit"))


def _report() -> None:
    components.section(t("usage.report"))
    whose = st.segmented_control(
        t("usage.whose"), (_OWN, _ALL), default=_OWN, format_func=lambda name: t(f"usage.whose_{name}"),
        key="usage.whose", persist_state="session",
    ) or _OWN  # fmt: skip
    today = datetime.now(UTC).date()
    _period(today)
    left, middle, right = st.columns(3)
    first, last = _date(left, "from", _FROM, today), _date(middle, "to", _TO, today)
    group = right.selectbox(
        t("usage.group"), _GROUPS if whose == _ALL else _GROUPS[:2], format_func=lambda name: t(f"usage.group_{name}"),
        **choice("usage.group"),
    )  # fmt: skip
    if first > last or (last - first).days >= _MOST_DAYS:
        st.warning(t("usage.wrong_days", most=_MOST_DAYS), icon=":material/edit:")
        return
    path = "/admin/usage" if whose == _ALL else "/usage"
    query = {"from": first.isoformat(), "to": last.isoformat(), "groupBy": f"day,{group}"}
    try:
        report = client().get(USE_CASE, path, **query)
    except Failure as failure:
        if whose == _ALL and failure.code in _NOT_ADMINISTRATOR:
            st.info(t("usage.administrators_only"), icon=":material/lock:")
        else:
            components.error_box(failure, "report")
        return
    if not report["items"]:
        st.info(t("usage.nothing"), icon=":material/info:")
        return
    _totals(report["total"])
    if whose == _ALL:
        st.caption(t("usage.everyone_note"))
    _chart(report["items"], group, [str(day.date()) for day in pd.date_range(first, last)])
    _table(report["items"], group)
    calls = client()
    st.download_button(
        # Read when it is clicked. Outside of the session, where `client()` is not at hand.
        t("usage.download"), lambda: calls.text(USE_CASE, path, format="csv", **query), "usage.csv", "text/csv",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    details(USE_CASE, "GET", f"{path}?{'&'.join(f'{name}={value}' for name, value in query.items())}")


def _period(today: date) -> None:
    """The quick choices. Each sets both dates, in every run: a choice of yesterday has other dates today."""
    period = st.segmented_control(
        t("usage.period"), _PERIODS, required=True, format_func=lambda name: t(f"usage.period_{name}"),
        **choice(_PERIOD, "month"),
    )  # fmt: skip
    if period != _OWN_DATES:
        st.session_state[_FROM], st.session_state[_TO] = first_day(period, today), today


def first_day(period: str, today: date) -> date:
    """The first day of a quick choice, whose last is today."""
    return {"today": today, "week": today - timedelta(days=6), "month": today.replace(day=1)}[period]


def _date(column: Any, name: str, key: str, today: date) -> date:
    day: date = column.date_input(
        t(f"usage.{name}"), max_value=today, format=date_format(), on_change=_use_own_dates, **kept(key, today)
    )
    return day


def _use_own_dates() -> None:
    st.session_state[_PERIOD] = _OWN_DATES


def _totals(total: Row) -> None:
    columns = st.columns(4)
    for column, name in zip(columns, ("estimatedCostUsd", "requests", "inputTokens", "outputTokens"), strict=True):
        column.metric(t(f"usage.{name}"), _amount(name, total[name]))
    if total["unpricedCalls"]:
        st.caption(t("usage.unpriced", calls=number(total["unpricedCalls"])))


def _chart(items: Sequence[Row], group: str, days: Sequence[str]) -> None:
    measure = st.selectbox(
        t("usage.measure"), _MEASURES, format_func=lambda name: t(f"usage.{name}"), **choice("usage.measure"),
    )  # fmt: skip
    largest = _largest(items, group, measure)
    rows = [
        {
            "day": item["day"],
            "group": _name(item, group) if _name(item, group) in largest else t("usage.others"),
            "amount": item[measure],
        }
        for item in items
    ]
    colors = dict(zip(largest, _COLORS, strict=False))
    if len({row["group"] for row in rows} - {*largest}):
        colors[t("usage.others")] = _COLOR_OF_OTHERS
    caption = t("usage.chart", measure=t(f"usage.{measure}"), group=t(f"usage.group_{group}"))
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar()
        .encode(
            x=alt.X(
                "day:O", title=None, scale=alt.Scale(domain=days), axis=alt.Axis(labelAngle=-45, labelOverlap=True)
            ),
            y=alt.Y("sum(amount):Q", title=t(f"usage.{measure}")),
            color=alt.Color("group:N", scale=alt.Scale(domain=list(colors), range=list(colors.values())), legend=None),
            tooltip=[
                alt.Tooltip("day:O", title=t("usage.day")),
                alt.Tooltip("group:N", title=t(f"usage.group_{group}")),
                alt.Tooltip("sum(amount):Q", title=t(f"usage.{measure}")),
            ],
        )
        .properties(height=300)
    )
    charts.legend(colors)
    st.altair_chart(charts.styled(chart), theme=None, alt=caption)


def _largest(items: Sequence[Row], group: str, measure: str) -> list[str]:
    sums = _sums(items, group)
    return sorted(sums, key=lambda name: -sums[name][measure])[: len(_COLORS)]


def _table(items: Sequence[Row], group: str) -> None:
    sums = _sums(items, group)
    names = ("requests", "inputTokens", "outputTokens", "images", "estimatedCostUsd")
    rows: list[list[Cell]] = [
        [name, *(_amount(measure, sums[name][measure]) for measure in names)]
        for name in sorted(sums, key=lambda name: -sums[name]["estimatedCostUsd"])
    ]
    columns = [t(f"usage.group_{group}"), *(t(f"usage.{name}") for name in names)]
    components.table(t("usage.table", group=t(f"usage.group_{group}")), columns, rows, stacked=True)


def _sums(items: Sequence[Row], group: str) -> dict[str, dict[str, float]]:
    sums: dict[str, dict[str, float]] = {}
    for item in items:
        of_group = sums.setdefault(_name(item, group), dict.fromkeys(_MEASURES, 0))
        for measure in _MEASURES:
            of_group[measure] += item[measure]
    return sums


def _name(item: Row, group: str) -> str:
    if group not in item:
        return t("usage.no_team")
    if group == "useCase":
        card = f"{item[group].replace('-', '_')}.card"
        return t(card) if card in translations() else str(item[group])
    return f"{item['name']} ({item[group]})" if group == "caller" and "name" in item else str(item[group])


def _amount(measure: str, value: float) -> str:
    return cost_number(value) if measure == "estimatedCostUsd" else number(value)
