"""The playground page: one prompt for up to four models, and their parameters."""

import html
import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from ui import components
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.entry import Entry
from ui.session import client
from ui.texts import t, translations

USE_CASE = "playground"
EXAMPLES = ("example_explain", "example_story", "example_json")
MAX_MODELS = 4
# The API's names, the most used first.
PARAMETERS = (
    "temperature", "topP", "topK", "maxTokens", "stopSequences",
    "lengthPenalty", "repetitionPenalty", "presencePenalty", "frequencyPenalty",
)  # fmt: skip
_INTEGERS = ("topK", "maxTokens")
# A slider with more steps can't be positioned precisely.
_MAX_SLIDER_STEPS = 1000
_STOP_BADGES = {
    "end_turn": "good",
    "stop_sequence": "good",
    "max_tokens": "warn",
    "model_context_window_exceeded": "warn",
}
# The model lifecycle check warns at the same time.
_WARNING_PERIOD = timedelta(days=90)
_MODEL_CACHE_SECONDS = 300
_PROMPT, _SELECTED = "playground.prompt", "playground.models"
# Redrawing for every piece would be slower than the model.
_REDRAW_SECONDS = 0.1

Model = Mapping[str, Any]


def page() -> None:
    """The form, the answers, and the list of models."""
    components.header("playground")
    try:
        models = _models()
    except Failure as failure:
        components.error_box(failure, "models")
        return
    offered = {model["invocationId"]: model for model in models if model["offered"] and model["purpose"] == "text"}
    if not offered:
        st.info(t("playground.no_models"), icon=":material/info:")
    else:
        _playground(offered)
    _lifecycles(models)


ENTRY = Entry(USE_CASE, page, probe="/models", icon=":material/tune:", position=5)


def _models() -> list[dict[str, Any]]:
    """The stage's models, cached: they only change with a deployment, but the script runs on every interaction."""
    cached = st.session_state.get("playground.list")
    if cached is None or time.monotonic() - cached[0] > _MODEL_CACHE_SECONDS:
        cached = time.monotonic(), client().get(USE_CASE, "/models")["items"]
        st.session_state["playground.list"] = cached
    models: list[dict[str, Any]] = cached[1]
    return models


def _playground(offered: Mapping[str, Model]) -> None:
    completion, comparison = ApiRequest(USE_CASE, "/completions"), ApiRequest(USE_CASE, "/comparisons")
    model_ids = _select_models(offered)
    models = [offered[model_id] for model_id in model_ids]
    parameters = _parameters(models)
    request, other = (comparison, completion) if len(models) > 1 else (completion, comparison)
    prompts, stream = _form(request, other, can_stream=len(models) == 1)
    model_fields = {"models": model_ids} if len(models) > 1 else {"model": model_ids[0]} if models else {}
    body = {**model_fields, **prompts, **({"parameters": parameters} if parameters else {})}
    request.run(body, t("playground.writing"), _problem(body), _streamed_text() if stream else None)
    for sent in (completion, comparison):
        components.outcome(sent)
        if sent.response and sent.body:
            _results(sent.response, sent.body, offered)
    if request.body and (request.response or request.failure):
        components.request_box(USE_CASE, "POST", request.path, request.body)


def _select_models(offered: Mapping[str, Model]) -> list[str]:
    if _SELECTED not in st.session_state:
        st.session_state[_SELECTED] = list(offered)[:1]
    # A deployment may have removed a selected model.
    st.session_state[_SELECTED] = [model_id for model_id in st.session_state[_SELECTED] if model_id in offered]
    selected: list[str] = st.multiselect(
        t("playground.models"),
        list(offered),
        format_func=lambda model_id: _label(offered[model_id]),
        key=_SELECTED,
        max_selections=MAX_MODELS,
        placeholder=t("playground.models_hint"),
        persist_state="session",
    )
    return selected


def _label(model: Model) -> str:
    name = f"{model['name']} · {model['provider']}"
    return f"{name} · {lifecycle(model, _today())[1]}" if _ends_soon(model, _today()) else name


def _parameters(models: Sequence[Model]) -> dict[str, Any]:
    """The parameters that the user switched on. Only these are sent."""
    values: dict[str, Any] = {}
    if not models:
        return values
    with st.expander(t("playground.parameters"), icon=":material/tune:"):
        st.caption(t("playground.parameters_lead"))
        with st.container(key="parameters"):
            for name in PARAMETERS:
                limits = common_range(models, name)
                if limits:
                    values |= _parameter(name, limits, models)
        if len(models) > 1:
            st.caption(t("playground.supported_parameters"))
            st.dataframe(_supported_parameters(models), alt=t("playground.supported_parameters"))
    return values


def common_range(models: Sequence[Model], name: str) -> tuple[float, float] | None:
    """The range of a parameter that all models support; None if there is none."""
    ranges = [model["parameters"].get(name) for model in models]
    if not all(ranges):
        return None
    low, high = max(limits["min"] for limits in ranges), min(limits["max"] for limits in ranges)
    return (low, high) if low < high else None


def _parameter(name: str, limits: tuple[float, float], models: Sequence[Model]) -> dict[str, Any]:
    with st.container(border=True, key=f"parameter-{name}"):
        is_set = st.toggle(t(f"playground.{name}"), key=f"playground.set.{name}", persist_state="session")
        st.caption(t(f"playground.{name}_help"))
        if not is_set:
            st.caption(t("playground.not_sent", values=_defaults(name, models)))
            return {}
        value = _value(name, limits, _default(name, limits, models))
    return {name: value} if value is not None else {}


def _value(name: str, limits: tuple[float, float], default: float) -> Any:
    label = t("playground.value_label", name=t(f"playground.{name}"))
    # The key contains the range: Streamlit rejects an earlier value outside the new range.
    options: dict[str, Any] = {
        "key": f"playground.value.{name}.{limits}", "persist_state": "session", "label_visibility": "collapsed",
    }  # fmt: skip
    low, high = limits
    if name == "stopSequences":
        lines = st.text_area(
            label, placeholder=t("playground.stopSequences_hint", most=int(high)), height=90, **options
        )
        return [line for line in (lines or "").splitlines() if line][: int(high)] or None
    if name not in _INTEGERS:
        return st.slider(label, float(low), float(high), float(default), 0.05, **options)
    if high > _MAX_SLIDER_STEPS:
        return int(st.number_input(label, int(low), int(high), int(default), **options))
    return int(st.slider(label, int(low), int(high), int(default), **options))


def _default(name: str, limits: tuple[float, float], models: Sequence[Model]) -> float:
    """The slider's initial value: the first model's default, or the maximum, which has no effect."""
    default = models[0]["parameters"][name].get("default")
    return min(max(default, limits[0]), limits[1]) if default is not None else limits[1]


def _defaults(name: str, models: Sequence[Model]) -> str:
    """The models' different defaults."""
    defaults = [limits["default"] for model in models if "default" in (limits := model["parameters"][name])]
    return " / ".join(dict.fromkeys(map(_number, defaults))) if defaults else t("playground.model_default")


def _supported_parameters(models: Sequence[Model]) -> pd.DataFrame:
    names = [name for name in PARAMETERS if any(name in model["parameters"] for model in models)]
    columns = {model["name"]: [_range(model["parameters"].get(name)) for name in names] for model in models}
    return pd.DataFrame(columns, index=[t(f"playground.{name}") for name in names])


def _range(limits: Mapping[str, float] | None) -> str:
    if limits is None:
        return t("playground.not_supported")
    text = t("playground.range", low=_number(limits["min"]), high=_number(limits["max"]))
    return text if "default" not in limits else f"{text} ({_number(limits['default'])})"


def _number(value: float) -> str:
    return f"{value:,g}" if abs(value) < 1e6 else f"{value:,.0f}"


def _form(request: ApiRequest, other: ApiRequest, *, can_stream: bool) -> tuple[dict[str, Any], bool]:
    """The prompt and instructions, and whether to stream the answer."""
    with st.container(horizontal=True, gap="small"):
        for name in EXAMPLES:
            st.button(
                t(f"playground.{name}_label"),
                key=f"playground {name}",
                on_click=_use_example,
                args=(t(f"playground.{name}"),),
            )
    with st.form("playground"):
        prompt = st.text_area(
            t("playground.prompt"),
            key=_PROMPT,
            height=140,
            max_chars=components.MAX_CHARACTERS,
            placeholder=t("playground.prompt_hint"),
            persist_state="session",
        )
        instructions = st.text_area(
            t("playground.instructions"),
            key="playground.instructions",
            height=80,
            max_chars=components.MAX_CHARACTERS,
            placeholder=t("playground.instructions_hint"),
            persist_state="session",
        )
        stream = can_stream and st.toggle(
            t("playground.stream"), True, key="playground.stream", persist_state="session"
        )
        st.form_submit_button(
            t("playground.run"),
            type="primary",
            icon=":material/play_arrow:",
            on_click=_start,
            args=(request, other),
            disabled=request.running,
        )
    prompts = {"prompt": (prompt or "").strip()}
    if instructions and instructions.strip():
        prompts["instructions"] = instructions.strip()
    return prompts, stream


def _use_example(prompt: str) -> None:
    st.session_state[_PROMPT] = prompt


def _start(request: ApiRequest, other: ApiRequest) -> None:
    # The page shows the responses of both.
    other.replace_response(None)
    request.start()


def _problem(body: Mapping[str, Any]) -> str | None:
    if "model" not in body and "models" not in body:
        return t("playground.no_model")
    return None if body["prompt"] else t("playground.no_prompt")


def _streamed_text() -> Callable[[str], None]:
    """A placeholder's function that shows the text so far."""
    placeholder = st.empty()
    last_drawn = 0.0

    def draw(text: str) -> None:
        nonlocal last_drawn
        if time.monotonic() - last_drawn > _REDRAW_SECONDS:
            last_drawn = time.monotonic()
            with placeholder:
                components.model_text(text)

    return draw


def _results(response: Mapping[str, Any], body: Mapping[str, Any], offered: Mapping[str, Model]) -> None:
    """One card per model, in the order of the request."""
    model_ids = body["models"] if "models" in body else [body["model"]]
    items = response.get("items", [response])
    with st.container(key="answers"):
        for number, (model_id, item) in enumerate(zip(model_ids, items, strict=True)):
            with st.container(border=True, key=f"answer-{number}"):
                # A fallback may have answered.
                answered_by = item.get("model", model_id)
                name = offered[answered_by]["name"] if answered_by in offered else answered_by
                st.html(f'<p class="source">{html.escape(name)}</p>')
                if "error" in item:
                    components.error_box(_failure(item["error"]), f"answer {number}")
                else:
                    _result(item, offered.get(answered_by))


def _failure(error: Mapping[str, Any]) -> Failure:
    return Failure(
        code=error.get("code", "unexpected"),
        message=error.get("message", ""),
        request_id=error.get("requestId"),
        details=list(error.get("details", [])),
    )


def _result(item: Mapping[str, Any], model: Model | None) -> None:
    components.model_text(item["text"])
    reason = item["stopReason"]
    is_known = f"playground.stop_{reason}" in translations()
    components.badge(
        _STOP_BADGES.get(reason, "bad"),
        t(f"playground.stop_{reason}") if is_known else t("playground.stop_other", reason=reason),
    )
    st.html(f'<p class="usage">{html.escape(_time_and_cost(item, model))}</p>')
    components.usage_line(item)
    parameters = ", ".join(f"{name} {_parameter_text(value)}" for name, value in item["parameters"].items())
    if parameters:
        st.html(f'<p class="usage">{html.escape(t("playground.parameters_used", values=parameters))}</p>')


def _parameter_text(value: Any) -> str:
    return " ".join(map(repr, value)) if isinstance(value, list) else _number(value)


def _time_and_cost(item: Mapping[str, Any], model: Model | None) -> str:
    seconds = t("playground.seconds", seconds=f"{item['latencyMs'] / 1000:.1f}")
    price = model.get("price") if model else None
    usd = cost(price, item["usage"]) if price else None
    if price is None or usd is None:
        return f"{seconds} · {t('playground.no_price')}"
    cost_text = t("playground.cost", cost=f"{money(usd)} {price.get('currency', 'USD')}", day=price["asOf"])
    return f"{seconds} · {cost_text}"


def cost(price: Mapping[str, Any], usage: Mapping[str, int]) -> float | None:
    """The price of a call's tokens; None if the model has no price per token."""
    if "inputPerMillion" not in price or "outputPerMillion" not in price:
        return None
    tokens_in, tokens_out = usage.get("inputTokens", 0), usage.get("outputTokens", 0)
    return float((tokens_in * price["inputPerMillion"] + tokens_out * price["outputPerMillion"]) / 1_000_000)


def money(value: float) -> str:
    """An amount with two significant digits, however small it is."""
    return f"{value:.{max(2, 1 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def lifecycle(model: Model, today: date) -> tuple[str, str]:
    """The badge level and text of a model's lifecycle. For an active model, the date is the earliest possible end."""
    status, ends = model["lifecycle"]["status"], model["lifecycle"].get("endOfLifeAt")
    if status == "ended":
        return "bad", t("playground.lifecycle_ended", day=ends or "?")
    if status == "legacy":
        return "warn", t("playground.lifecycle_legacy", day=ends) if ends else t("playground.lifecycle_legacy_no_date")
    if ends is None:
        return "good", t("playground.lifecycle_active")
    if ends <= today.isoformat():
        return "warn", t("playground.lifecycle_any_day", day=ends)
    return ("warn" if _ends_soon(model, today) else "good"), t("playground.lifecycle_until", day=ends)


def _ends_soon(model: Model, today: date) -> bool:
    """Whether the model has ended or ends soon."""
    ends = model["lifecycle"].get("endOfLifeAt")
    return model["lifecycle"]["status"] != "active" or bool(ends and ends <= (today + _WARNING_PERIOD).isoformat())


def _today() -> date:
    return datetime.now(UTC).date()


def _lifecycles(models: Sequence[Model]) -> None:
    components.section(t("playground.all_models"))
    today = _today()
    ending = [model for model in models if _ends_soon(model, today)]
    if ending:
        st.caption(t("playground.ending_models"))
        st.html(f'<ul class="lifecycles">{"".join(_lifecycle_line(model, today) for model in ending)}</ul>')
    with st.expander(t("playground.model_table"), icon=":material/table:"):
        st.dataframe(_table(models, today), hide_index=True, alt=t("playground.model_table"))
        st.caption(t("playground.price_note"))
    components.request_box(USE_CASE, "GET", "/models")


def _lifecycle_line(model: Model, today: date) -> str:
    level, text = lifecycle(model, today)
    offered = f" ({t('playground.offered')})" if model["offered"] else ""
    return (
        f'<li><span class="badge {level}">{html.escape(text)}</span> '
        f"{html.escape(model['name'])} · {html.escape(model['provider'])}{html.escape(offered)}</li>"
    )


def _table(models: Sequence[Model], today: date) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                t("playground.column_model"): model["name"],
                t("playground.column_provider"): model["provider"],
                t("playground.column_purpose"): _purpose(model["purpose"]),
                t("playground.column_offered"): t("playground.yes") if model["offered"] else t("playground.no"),
                t("playground.column_lifecycle"): lifecycle(model, today)[1],
                t("playground.column_legacy"): model["lifecycle"].get("legacyAt", ""),
                t("playground.column_end"): model["lifecycle"].get("endOfLifeAt", ""),
                t("playground.column_price"): _price(model.get("price")),
                "id": model["id"],
            }
            for model in models
        ]
    )


def _purpose(purpose: str) -> str:
    is_known = f"playground.purpose_{purpose}" in translations()
    return t(f"playground.purpose_{purpose}") if is_known else purpose


def _price(price: Mapping[str, Any] | None) -> str:
    if not price:
        return t("playground.no_price")
    currency = price.get("currency", "USD")
    if "perImage" in price:
        return t("playground.price_image", price=f"{price['perImage']:g} {currency}")
    prices = [f"{price[name]:g}" for name in ("inputPerMillion", "outputPerMillion") if name in price]
    return t("playground.price_tokens", price=f"{' / '.join(prices)} {currency}")
