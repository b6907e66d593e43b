"""Credit risk: how well a model separates and what its cut-offs do, as curves and tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from ui import charts, components, credit_terms
from ui import credit_fields as fields
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.components import Badge, Cell
from ui.credit_fields import USE_CASE, VALIDATOR
from ui.details import details
from ui.fields import Fields, choice
from ui.number_format import NOTHING, number, percent
from ui.session import client
from ui.texts import t

BASES = ("holdout", "outOfTime", "production")
_GOALS = ("approvalRate", "maximumBadRate", "maximumExpectedLossRate", "cutOff")
_BLUE, _ORANGE, _GREEN, _GRAY = "#3d7fc4", "#d9822b", "#2f9163", "#8a9a97"
_HEIGHT = 320


def quality(model: Mapping[str, Any]) -> None:
    """ROC, KS and calibration, and the quarters after the training set. Raises `Failure`."""
    if table := _cut_off_table(model, 10):
        _roc(table)
        _ks(table)
    card = client().get(USE_CASE, f"/models/{model['id']}")
    for entry in card["metrics"]:
        # The sets are named as the bases.
        if entry["set"] == st.session_state["credit.basis"] and entry.get("calibration"):
            _calibration_of(entry)
    _periods(card["periods"])
    credit_terms.explain(
        "quality", "set_holdout", "set_outOfTime", "basis_production", "bad_rate", "mean_pd", "auroc", "ks", "psi",
        "csi",
    )  # fmt: skip


def cut_offs(model: Mapping[str, Any]) -> None:
    """A slider of cut-offs with what each does, and the search for one that fits. Raises `Failure`."""
    if table := _cut_off_table(model, 10):
        _slider(table)
        credit_terms.explain(
            "cut-offs", "set_holdout", "set_outOfTime", "basis_production", "cut_off_column", "approval_rate",
            "goods_rejected",
        )  # fmt: skip
    _simulation(model)


def _cut_off_table(model: Mapping[str, Any], step: int) -> Mapping[str, Any] | None:
    """None when the model lacks the loans for it."""
    basis = st.segmented_control(
        t("credit_risk.basis"), BASES, required=True, default=BASES[0], key="credit.basis",
        format_func=lambda name: t(f"credit_risk.basis_{name}"), persist_state="session",
    )  # fmt: skip
    try:
        return client().get(USE_CASE, f"/models/{model['id']}/cut-offs", basis=basis, step=step)
    except Failure as failure:
        if failure.code != "conflict":
            raise
        st.info(t("credit_risk.no_basis"), icon=":material/info:")
        components.model_text(failure.message)
        return None


def _roc(table: Mapping[str, Any]) -> None:
    caption = t("credit_risk.roc")
    components.section(caption)
    st.caption(t("credit_risk.roc_lead"))
    rows = [{"goods": point["goods"], "bads": point["bads"], "score": point["cutOff"]} for point in table["curve"]]
    scale = alt.Scale(domain=[0, 1])
    axis = alt.Axis(format=".0%")
    line = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(color=_BLUE, strokeWidth=2.5, point=alt.OverlayMarkDef(size=14, color=_BLUE))
        .encode(
            x=alt.X("goods:Q", title=t("credit_risk.goods_below"), scale=scale, axis=axis),
            y=alt.Y("bads:Q", title=t("credit_risk.bads_below"), scale=scale, axis=axis),
            order="score:Q",
            tooltip=[
                alt.Tooltip("score:Q", title=t("credit_risk.score")),
                alt.Tooltip("goods:Q", title=t("credit_risk.goods_below"), format=".1%"),
                alt.Tooltip("bads:Q", title=t("credit_risk.bads_below"), format=".1%"),
            ],
        )
    )
    chance = (
        alt.Chart(pd.DataFrame([{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
        .mark_line(color=_GRAY, strokeDash=[4, 4])
        .encode(x="x:Q", y="y:Q")
    )
    _with_points((chance + line).properties(height=_HEIGHT), caption, table)


def _ks(table: Mapping[str, Any]) -> None:
    caption = t("credit_risk.ks_chart")
    components.section(caption)
    ks = table["ks"]
    st.caption(t("credit_risk.ks_lead", value=number(ks["value"], 3), at=number(ks["at"])))
    names = {"goods": t("credit_risk.goods_below"), "bads": t("credit_risk.bads_below")}
    rows = [
        {"score": point["cutOff"], "share": point[kind], "kind": name}
        for point in table["curve"]
        for kind, name in names.items()
    ]
    lines = _lines(rows, list(names.values()), [_BLUE, _ORANGE], t("credit_risk.score"))
    rule = alt.Chart(pd.DataFrame([{"at": ks["at"]}])).mark_rule(color=_GRAY, strokeDash=[4, 4]).encode(x="at:Q")
    _with_points((lines + rule).properties(height=_HEIGHT), f"{caption}, {t('credit_risk.by_score')}", table)


def _with_points(chart: Any, caption: str, table: Mapping[str, Any]) -> None:
    columns = [t("credit_risk.score"), t("credit_risk.goods_below"), t("credit_risk.bads_below")]
    rows = [[number(point["cutOff"]), percent(point["goods"]), percent(point["bads"])] for point in table["curve"]]
    charts.with_table(chart, caption, columns, rows)


def _lines(rows: Sequence[Mapping[str, Any]], names: list[str], colors: list[str], title: str) -> Any:
    """Shares by score, a line for each name."""
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("score:Q", title=title, scale=alt.Scale(zero=False)),
            y=alt.Y("share:Q", title=None, axis=alt.Axis(format=".0%")),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=names, range=colors),
                legend=alt.Legend(title=None, orient="top", direction="vertical"),
            ),
            strokeDash=alt.StrokeDash("kind:N", scale=alt.Scale(domain=names), legend=None),
            tooltip=[
                alt.Tooltip("score:Q", title=title),
                alt.Tooltip("kind:N", title=t("credit_risk.measure")),
                alt.Tooltip("share:Q", title=t("credit_risk.share"), format=".1%"),
            ],
        )
    )


def _calibration_of(entry: Mapping[str, Any]) -> None:
    rows = [
        {
            "band": f"{number(band['lowest'])} – {number(band['highest'])}",
            "loans": band["loans"],
            "predicted": band["predicted"],
            "observed": band["bads"] / band["loans"] if band["loans"] else None,
        }
        for band in entry["calibration"]
    ]
    calibration(rows, t("credit_risk.calibration", set=t(f"credit_risk.set_{entry['set']}")))


def calibration(rows: Sequence[Mapping[str, Any]], caption: str) -> None:
    """Predicted and observed default rates by band: `band, loans, predicted, observed, interval?, fits?`."""
    components.section(caption)
    rows = [{**row, "band": fields.class_label("", row["band"])} for row in rows]
    names = {"predicted": t("credit_risk.predicted"), "observed": t("credit_risk.observed")}
    data = pd.DataFrame(
        {"band": row["band"], "rate": row[kind], "kind": name, "order": index}
        for index, row in enumerate(rows)
        for kind, name in names.items()
    )
    order = [row["band"] for row in rows]
    axis = alt.X("band:N", title=t("credit_risk.score"), sort=order, axis=alt.Axis(labelAngle=-45))
    points = (
        alt.Chart(data)
        .mark_point(size=90, filled=True, opacity=1)
        .encode(
            x=axis,
            y=alt.Y("rate:Q", title=t("credit_risk.bad_rate"), axis=alt.Axis(format=".0%")),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=list(names.values()), range=[_BLUE, _ORANGE]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=list(names.values())), legend=None),
            tooltip=[
                alt.Tooltip("band:N", title=t("credit_risk.score")),
                alt.Tooltip("kind:N", title=t("credit_risk.measure")),
                alt.Tooltip("rate:Q", title=t("credit_risk.bad_rate"), format=".1%"),
            ],
        )
    )
    intervals = [
        {"band": row["band"], "low": row["interval"][0], "high": row["interval"][1]}
        for row in rows
        if row.get("interval")
    ]
    chart = points
    if intervals:
        bars = (
            alt.Chart(pd.DataFrame(intervals))
            .mark_rule(color=_ORANGE, strokeWidth=2, opacity=0.7)
            .encode(x=axis, y="low:Q", y2="high:Q")
        )
        chart = bars + points
    charts.with_table(chart.properties(height=_HEIGHT), caption, *_calibration_table(rows))
    if intervals:
        credit_terms.explain(f"calibration {caption}", "interval", "fits")


def _calibration_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Cell]]]:
    columns = ["band", "loans", "predicted", "observed"]
    table: list[list[Cell]] = [
        [row["band"], number(row["loans"]), percent(row["predicted"]), percent(row["observed"])] for row in rows
    ]
    if any("interval" in row for row in rows):
        columns += ["interval", "fits"]
        for cells, row in zip(table, rows, strict=True):
            low, high = row["interval"]
            fits = Badge("good", t("credit_risk.yes")) if row["fits"] else Badge("bad", t("credit_risk.no"))
            cells += [f"{percent(low)} – {percent(high)}", fits]
    return [t(f"credit_risk.{column}") for column in columns], table


def _periods(periods: Sequence[Mapping[str, Any]]) -> None:
    if not periods:
        return
    columns = ["period", "loans", "bad_rate", "mean_pd", "auroc", "psi", "most_moved"]
    rows: list[list[Cell]] = []
    for entry in periods:
        moved = max(entry["characteristics"], key=lambda shift: float(shift["psi"]), default=None)
        rows.append(
            [
                entry["period"],
                number(entry["loans"]),
                percent(entry["bads"] / entry["loans"] if entry["loans"] else None),
                percent(entry["meanProbabilityOfDefault"]),
                number(entry.get("auroc"), 3),
                number(entry["scorePsi"], 3),
                f"{fields.name(moved['name'])} {number(moved['psi'], 3)}" if moved else NOTHING,
            ]
        )
    components.section(t("credit_risk.periods"))
    components.table(t("credit_risk.periods"), [t(f"credit_risk.{column}") for column in columns], rows)


def _slider(table: Mapping[str, Any]) -> None:
    rows = {row["cutOff"]: row for row in table["items"]}
    if len(rows) < 2:
        return
    in_force = (table.get("cutOff") or {}).get("approve")
    start = min(rows, key=lambda cut_off: abs(cut_off - (table["ks"]["at"] if in_force is None else in_force)))
    # A slider's value must be among its options, which differ by model and basis.
    if st.session_state.get("credit.cut_off") not in rows:
        st.session_state["credit.cut_off"] = start
    chosen = st.select_slider(
        t("credit_risk.approve_from"), list(rows), key="credit.cut_off", format_func=number, persist_state="session"
    )
    row = rows[chosen]
    components.figures(_row_figures(row))
    if in_force is not None:
        st.caption(t("credit_risk.in_force", cut_off=number(in_force)))
    st.caption(t("credit_risk.counted_loans", loans=number(table["loans"])))
    caption = t("credit_risk.cut_off_chart")
    names = {
        "approvalRate": t("credit_risk.approval_rate"),
        "badRateApproved": t("credit_risk.bad_rate_approved"),
        "expectedLossRateApproved": t("credit_risk.el_rate_approved"),
    }
    data = [
        {"score": row["cutOff"], "share": row[kind], "kind": name}
        for row in table["items"]
        for kind, name in names.items()
        if row[kind] is not None
    ]
    lines = _lines(data, list(names.values()), [_BLUE, _ORANGE, _GREEN], t("credit_risk.cut_off_column"))
    rule = (
        alt.Chart(pd.DataFrame([{"at": chosen}])).mark_rule(color=charts.text_color(), strokeWidth=2).encode(x="at:Q")
    )
    columns = [t("credit_risk.cut_off_column"), *_row_figures(row)]
    cells = [[number(cut_off), *_row_figures(entry).values()] for cut_off, entry in rows.items()]
    charts.with_table((lines + rule).properties(height=_HEIGHT), caption, columns, cells)


def _row_figures(row: Mapping[str, Any]) -> dict[str, str]:
    """What a cut-off does, by the names of the figures."""
    figures = {
        t("credit_risk.approval_rate"): percent(row["approvalRate"]),
        t("credit_risk.bad_rate_approved"): percent(row["badRateApproved"]),
        t("credit_risk.bad_rate_rejected"): percent(row["badRateRejected"]),
        t("credit_risk.el_rate_approved"): percent(row["expectedLossRateApproved"], 2),
        t("credit_risk.loss_rate_approved"): percent(row["lossRateApproved"], 2),
        t("credit_risk.goods_rejected"): percent(row["goodsRejectedRate"]),
    }
    if row.get("marginRate") is not None:
        figures[t("credit_risk.margin_left")] = percent(row["marginRate"], 2)
    return figures


def _simulation(model: Mapping[str, Any]) -> None:
    components.section(t("credit_risk.simulation"))
    st.caption(t("credit_risk.simulation_lead"))
    request = ApiRequest(USE_CASE, f"/models/{model['id']}/simulations")
    goal = st.selectbox(
        t("credit_risk.goal"), _GOALS, format_func=lambda name: t(f"credit_risk.goal_{name}"), **choice("credit.goal"),
    )  # fmt: skip
    left, right = st.columns(2)
    form = Fields()
    if goal == "cutOff":
        label = t("credit_risk.goal_cutOff")
        wish: float | None = form.optional_number(label, "credit.wish_points", -100_000, 100_000, step=5, parent=left)
    else:
        wish = form.optional_number(t("credit_risk.goal_percent"), "credit.wish", 0.0, 100.0, step=1.0, parent=left)
    margin = form.optional_number(
        t("credit_risk.margin"), "credit.margin", -100.0, 1_000.0, step=1.0, parent=right,
        help=t("credit_risk.margin_help"), placeholder=t("credit_risk.not_given"),
    )  # fmt: skip
    st.button(t("credit_risk.simulate"), icon=":material/calculate:", on_click=request.start, disabled=request.running)
    body: dict[str, Any] = {"basis": st.session_state["credit.basis"]}
    if wish is not None:
        body[goal] = wish if goal == "cutOff" else round(wish / 100, 6)
    if margin is not None:
        body["margin"] = round(margin / 100, 6)
    request.run(body, t("credit_risk.simulating"), form.problem or (t("credit_risk.no_goal") if wish is None else None))
    fields.outcome(request, (VALIDATOR,))
    if request.response and request.body:
        _simulated(request.response)
        details(USE_CASE, "POST", request.path, request.body, request.response)


def _simulated(response: Mapping[str, Any]) -> None:
    rows: list[list[Cell]] = []
    for name in ("simulated", "current"):
        if row := response.get(name):
            # The one in force has no margin unless it was asked for.
            rows.append([t(f"credit_risk.{name}"), number(row["cutOff"]), *_row_figures(row).values()])
    columns = ["", t("credit_risk.cut_off_column"), *_row_figures(response["simulated"])]
    width = len(columns)
    components.table(
        t("credit_risk.simulation"), columns, [(*row, *[NOTHING] * (width - len(row)))[:width] for row in rows]
    )
    if "current" not in response:
        st.caption(t("credit_risk.not_active"))
