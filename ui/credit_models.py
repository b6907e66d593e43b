"""Credit risk: the models of the stage, how good they are, what their cut-offs do, and who activated them."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ui import components, credit_terms
from ui import credit_curves as curves
from ui import credit_fields as fields
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.components import Badge, Cell
from ui.credit_fields import AUDITOR, MODELLER, USE_CASE, VALIDATOR
from ui.details import details, json_box
from ui.fields import Fields
from ui.number_format import NOTHING, number, percent, short, signed
from ui.session import client
from ui.texts import t, translations

READERS = (MODELLER, VALIDATOR, AUDITOR)
_VIEWS = ("overview", "scorecard", "quality", "cut_offs", "activation")
_BADGES = {"champion": "good", "challenger": "warn", "candidate": "off", "retired": "off"}
_ROLES = ("champion", "challenger", "retired")
_MOST_MODELS = 100
_MAX_REASON = 1_000
_MOST_POINTS = 100_000


def view() -> None:
    """The list of models, and one of them."""
    try:
        models, _ = client().newest(USE_CASE, "/models", _MOST_MODELS)
    except Failure as failure:
        fields.failure_box(failure, "models", READERS)
        return
    if not models:
        st.info(t("credit_risk.no_models"), icon=":material/info:")
        return
    _list(models)
    model = choose(models, "credit.model")
    chosen = st.segmented_control(
        t("credit_risk.view"), _VIEWS, required=True, default=_VIEWS[0], key="credit.model_view",
        format_func=lambda name: t(f"credit_risk.view_{name}"), label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    views = {
        "overview": _overview, "scorecard": _scorecard, "quality": curves.quality, "cut_offs": curves.cut_offs,
        "activation": _activation,
    }  # fmt: skip
    try:
        views[chosen](model)
    except Failure as failure:
        fields.failure_box(failure, f"model {chosen}", READERS)


def choose(models: Sequence[Mapping[str, Any]], key: str) -> Mapping[str, Any]:
    """The selected model, by default the champion."""
    by_id = {model["id"]: model for model in models}
    if st.session_state.get(key) not in by_id:
        champion = next((model["id"] for model in models if model["status"] == "champion"), models[0]["id"])
        st.session_state[key] = champion
    chosen: str = st.selectbox(
        t("credit_risk.model"),
        list(by_id),
        format_func=lambda model_id: _name(by_id[model_id]),
        key=key,
        persist_state="session",
    )
    return by_id[chosen]


def _name(model: Mapping[str, Any]) -> str:
    return " · ".join((model["name"], model["version"], t(f"credit_risk.status_{model['status']}")))


def _list(models: Sequence[Mapping[str, Any]]) -> None:
    columns = ["name", "status", "origin", "version", "created", "cut_off"]
    rows: list[list[Cell]] = [
        [
            model["name"],
            Badge(_BADGES[model["status"]], t(f"credit_risk.status_{model['status']}")),
            Badge("warn", t("credit_risk.sample"))
            if model.get("sample")
            else t(f"credit_risk.origin_{model['origin']}"),
            model["version"],
            components.local_time(model["createdAt"]),
            _cut_off(model),
        ]
        for model in models
    ]
    components.table(
        t("credit_risk.models"), [t(f"credit_risk.{column}") for column in columns], rows, texts=5, titled=True
    )
    credit_terms.explain("models", "status_champion", "status_challenger", "status_candidate", "status_retired")


def _cut_off(model: Mapping[str, Any]) -> str:
    cut_off = model.get("cutOff")
    return f"{number(cut_off['refer'])} / {number(cut_off['approve'])}" if cut_off else NOTHING


def _overview(model: Mapping[str, Any]) -> None:
    card = client().get(USE_CASE, f"/models/{model['id']}")
    components.figures(
        {
            t("credit_risk.currency"): card["currency"],
            t("credit_risk.range"): f"{number(card['scoreRange']['min'])} – {number(card['scoreRange']['max'])}",
            t("credit_risk.characteristics"): number(len(card["characteristics"])),
            t("credit_risk.reference_loans"): number(card.get("referenceLoans")),
            t("credit_risk.registered_by"): card.get("registeredBy") or t("credit_risk.by_stage"),
        }
    )
    _limits(card["limits"])
    _metrics(card["metrics"])
    _losses(card)
    _development(card.get("development"))
    _activations(card["activations"])
    json_box(card, "model")


def _limits(limits: Sequence[Mapping[str, str]]) -> None:
    components.section(t("credit_risk.limits"))
    if not limits:
        st.caption(t("credit_risk.no_limits"))
    for limit in limits:
        key = f"credit_risk.limit_{limit['code']}"
        text = t(key) if key in translations() else limit["message"]
        st.html(f'<p class="state limit">{html.escape(text)}</p>')


def _metrics(metrics: Sequence[Mapping[str, Any]]) -> None:
    components.section(t("credit_risk.metrics"))
    if not metrics:
        st.caption(t("credit_risk.no_metrics"))
        return
    columns = [
        "set",
        "months",
        "loans",
        "bad_rate",
        "mean_pd",
        "auroc",
        "gini",
        "ks",
        "el_predicted",
        "loss_actual",
        "psi",
    ]
    rows: list[list[Cell]] = [
        [
            t(f"credit_risk.set_{entry['set']}"),
            f"{entry['first']} – {entry['last']}",
            number(entry["loans"]),
            percent(entry["bads"] / entry["loans"] if entry["loans"] else None),
            percent(entry["meanProbabilityOfDefault"]),
            number(entry["auroc"], 3),
            number(2 * entry["auroc"] - 1, 3),
            number(entry["ks"], 3),
            percent(entry["expectedLossRate"], 2),
            percent(entry["lossRate"], 2),
            number(entry.get("scorePsi"), 3),
        ]
        for entry in metrics
    ]
    components.table(t("credit_risk.metrics"), [t(f"credit_risk.{column}") for column in columns], rows, texts=2)
    credit_terms.explain(
        "metrics", "set_training", "set_holdout", "set_outOfTime", "bad_rate", "mean_pd", "auroc", "gini", "ks",
        "el_predicted", "loss_actual", "psi",
    )  # fmt: skip


def _losses(card: Mapping[str, Any]) -> None:
    """Predicted and observed losses given default, and credit conversion factors."""
    rows: list[list[Cell]] = []
    for entry in card["metrics"]:
        for name, short_name in (("lossGivenDefault", "lgd"), ("creditConversionFactor", "ccf")):
            if pair := entry.get(name):
                rows.append(
                    [
                        t(f"credit_risk.set_{entry['set']}"),
                        t(f"credit_risk.{short_name}"),
                        percent(pair["predicted"]),
                        percent(pair["observed"]),
                        number(entry.get(f"{name}R2"), 3),
                    ]
                )
    if rows:
        columns = ["set", "measure", "predicted", "observed", "r2"]
        caption = t("credit_risk.losses")
        components.section(caption)
        components.table(caption, [t(f"credit_risk.{column}") for column in columns], rows, texts=2)
        credit_terms.explain("losses", "lgd", "ccf", "r2")


def _development(development: Mapping[str, Any] | None) -> None:
    components.section(t("credit_risk.development"))
    if not development:
        st.caption(t("credit_risk.no_development"))
        return
    facts = {
        t("credit_risk.rows"): number(development["rows"]),
        t("credit_risk.rejected"): number(development["rejected"]),
        t("credit_risk.test_from"): development["testFrom"],
        t("credit_risk.split"): development["split"],
        t("credit_risk.data"): development["data"],
        **{fields.definition(name): text for name, text in development["definitions"].items()},
    }
    rows: list[list[Cell]] = [[name, value] for name, value in facts.items()]
    components.table(t("credit_risk.development"), [t("credit_risk.fact"), t("credit_risk.value")], rows, texts=2)
    dropped: list[list[Cell]] = [
        [
            fields.name(entry["name"]),
            t(f"credit_risk.dropped_{entry['reason']}"),
            short(entry["value"]) if entry.get("value") is not None else NOTHING,
        ]
        for entry in development.get("dropped", ())
    ]
    if dropped:
        columns = [t("credit_risk.characteristic"), t("credit_risk.why"), t("credit_risk.value")]
        components.table(t("credit_risk.dropped"), columns, dropped, texts=2, titled=True)


def _activations(activations: Sequence[Mapping[str, Any]]) -> None:
    components.section(t("credit_risk.activations"))
    if not activations:
        st.caption(t("credit_risk.no_activations"))
    for activation in activations:
        facts = [activation["activatedBy"], components.local_time(activation["createdAt"])]
        if "cutOff" in activation:
            facts.append(t("credit_risk.cut_off_pair", pair=_cut_off(activation)))
        components.badge(_BADGES[activation["role"]], t(f"credit_risk.status_{activation['role']}"), " · ".join(facts))
        components.model_text(activation["reason"], tag="blockquote")


def _scorecard(model: Mapping[str, Any]) -> None:
    card = client().get(USE_CASE, f"/models/{model['id']}/scorecard")
    components.figures(
        {
            t("credit_risk.base_points"): number(card["basePoints"]),
            t("credit_risk.double_odds"): number(card["pointsToDoubleOdds"], 1),
            t("credit_risk.range"): f"{number(card['scoreRange']['min'])} – {number(card['scoreRange']['max'])}",
        }
    )
    curve = card["probabilityOfDefault"]
    st.caption(t("credit_risk.pd_formula", offset=number(curve["offset"], 2), factor=number(curve["factor"], 2)))
    rows: list[list[Cell]] = []
    facts: list[list[Cell]] = []
    for entry in card["characteristics"]:
        name = fields.name(entry["name"])
        for row in entry["classes"]:
            label = "missing" if row.get("missing") else row["class"]
            rows.append(
                [
                    name,
                    fields.class_label(entry["name"], label),
                    signed(row["points"]),
                    percent(row.get("share")),
                    percent(row.get("badRate")),
                ]
            )
        facts.append(
            [
                name,
                t("credit_risk.yes") if entry["required"] else t("credit_risk.no"),
                signed(entry["averagePoints"], 1),
                number(entry.get("informationValue"), 3),
                number(entry.get("coefficient"), 3),
                number(entry.get("standardError"), 3),
                _p_value(entry.get("pValue")),
            ]
        )
    columns = ["characteristic", "class", "points", "share", "bad_rate"]
    components.table(
        t("credit_risk.points_table"), [t(f"credit_risk.{column}") for column in columns], rows, texts=2, titled=True
    )
    columns = ["characteristic", "required_field", "average", "iv", "coefficient", "standard_error", "p_value"]
    components.table(
        t("credit_risk.facts_table"), [t(f"credit_risk.{column}") for column in columns], facts, texts=2, titled=True
    )
    credit_terms.explain(
        "scorecard", "base_points", "double_odds", "characteristic", "points", "bad_rate", "average", "iv",
        "coefficient", "standard_error", "p_value",
    )  # fmt: skip


def _p_value(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"< {number(0.0001, 4)}" if value < 0.0001 else number(value, 4)


def _activation(model: Mapping[str, Any]) -> None:
    request = ApiRequest(USE_CASE, f"/models/{model['id']}/activations")
    st.caption(t("credit_risk.four_eyes"))
    form = Fields()
    with st.form(f"credit activation {model['id']}"):
        role = st.radio(
            t("credit_risk.role"), _ROLES, horizontal=True, key=f"credit role {model['id']}",
            format_func=lambda name: t(f"credit_risk.status_{name}"),
        )  # fmt: skip
        cut_off = model.get("cutOff") or {}
        left, right = st.columns(2)
        points = {
            name: form.optional_number(
                t(f"credit_risk.{name}_from"), f"credit {name} {model['id']}", -_MOST_POINTS, _MOST_POINTS,
                default=cut_off.get(name), step=5, parent=column, help=t(f"credit_risk.{name}_from_help"),
            )
            for name, column in (("approve", left), ("refer", right))
        }  # fmt: skip
        reason = form.text_area(t("credit_risk.reason"), f"credit why {model['id']}", _MAX_REASON)
        st.form_submit_button(
            t("credit_risk.activate"), type="primary", icon=":material/verified_user:", on_click=request.start,
            disabled=request.running,
        )  # fmt: skip
    body: dict[str, Any] = {"role": role, "reason": reason}
    if role != "retired":
        body["cutOff"] = points
    request.run(body, t("credit_risk.saving"), form.problem or _activation_problem(body))
    if request.failure and request.failure.code == "conflict":
        _refused(request.failure)
    else:
        fields.outcome(request, (VALIDATOR,))
    if request.response:
        st.success(t(f"credit_risk.activated_{request.response['role']}"), icon=":material/check:")
    if request.body:
        details(USE_CASE, "POST", request.path, request.body, request.response)


def _activation_problem(body: Mapping[str, Any]) -> str | None:
    if cut_off := body.get("cutOff"):
        if None in cut_off.values():
            return t("credit_risk.no_cut_off")
        if cut_off["refer"] > cut_off["approve"]:
            return t("credit_risk.cut_off_order")
    return None if body["reason"] else t("credit_risk.no_reason")


def _refused(failure: Failure) -> None:
    """Why a model did not get a role: the API says which rule it breaks."""
    with st.container(key="credit-refused"):
        st.error(
            f"**{t('credit_risk.not_activated')}**  \n{t('credit_risk.not_activated_do')}", icon=":material/block:"
        )
        components.model_text(failure.message)
