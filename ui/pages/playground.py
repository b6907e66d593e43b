"""The playground page: one prompt for up to four models, and their parameters."""

import html
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import streamlit as st

from ui import components, tab_state
from ui.api_request import ApiRequest, run_all
from ui.client import Failure
from ui.details import details
from ui.entry import Entry
from ui.fields import Fields, choice, kept
from ui.number_format import cost, number, short
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
# The models of the last run, of which each has its own request.
_ASKED = "playground.asked"
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
    fields = Fields()
    selected = _select_models(offered)
    parameters = _parameters([offered[model_id] for model_id in selected], list(offered.values()), fields)
    prompts = _form(selected, fields)
    asked: list[str] = tab_state.values().get(_ASKED, [])
    requests = {model_id: ApiRequest(USE_CASE, "/completions", model_id) for model_id in asked}
    body = {**prompts, **({"parameters": parameters} if parameters else {})}
    # Each has its place: in the same one, the last answers would stay until the next ones are complete.
    live, complete = st.empty(), st.empty()
    is_running = any(request.running for request in requests.values())
    with (live if is_running else complete).container(key="answers"):
        cards = {
            model_id: st.container(border=True, key=f"answer-{number}")
            for number, model_id in enumerate(asked)
            # Without a model there is only a problem to show.
            if model_id
        }
    problems = st.empty()
    run_all(
        [
            (
                request,
                {"model": model_id, **body},
                _draw_text(cards.get(model_id, problems), _name(model_id, offered), running=request.running),
            )
            for model_id, request in requests.items()
        ],
        t("playground.writing"),
        _problem(selected, prompts) or fields.problem,
    )
    with problems.container():
        for problem in dict.fromkeys(request.problem for request in requests.values() if request.problem):
            components.problem_box(problem)
    for model_id, card in cards.items():
        with card:
            _outcome(model_id, requests[model_id], offered)


def _select_models(offered: Mapping[str, Model]) -> list[str]:
    options = choice(_SELECTED, list(offered)[:1])
    # A deployment may have removed a selected model.
    st.session_state[_SELECTED] = [model_id for model_id in st.session_state[_SELECTED] if model_id in offered]
    selected: list[str] = st.multiselect(
        t("playground.models"),
        list(offered),
        format_func=lambda model_id: _label(offered[model_id]),
        max_selections=MAX_MODELS,
        placeholder=t("playground.models_hint"),
        **options,
    )
    return selected


def _label(model: Model) -> str:
    name = f"{model['name']} · {model['provider']}"
    return f"{name} · {lifecycle(model, _today())[1]}" if _ends_soon(model, _today()) else name


def _parameters(models: Sequence[Model], offered: Sequence[Model], fields: Fields) -> dict[str, Any]:
    """The parameters that the user switched on. Only these are sent."""
    values: dict[str, Any] = {}
    if not models:
        return values
    ranges = {name: limits for name in PARAMETERS if (limits := common_range(models, name))}
    with st.expander(t("playground.parameters"), icon=":material/tune:"):
        st.caption(f"{t('playground.parameters_lead')} {_parameter_counts(models, offered, len(ranges))}")
        with st.container(key="parameters"):
            for name, limits in ranges.items():
                values |= _parameter(name, limits, models, fields)
        if len(models) > 1:
            st.caption(t("playground.supported_parameters"))
            _supported_parameters(models)
    return values


def _parameter_counts(models: Sequence[Model], offered: Sequence[Model], shown: int) -> str:
    """How many parameters the form has, and which offered model accepts the most if these are more."""
    key = "playground.parameters_of_one" if len(models) == 1 else "playground.parameters_of_all"
    text = t(key, model=components.plain(models[0]["name"]), count=shown)
    best = max(offered, key=_parameter_count)
    if _parameter_count(best) <= shown:
        return text
    more = t("playground.more_parameters", model=components.plain(best["name"]), count=_parameter_count(best))
    return f"{text} {more}"


def _parameter_count(model: Model) -> int:
    return sum(common_range([model], name) is not None for name in PARAMETERS)


def common_range(models: Sequence[Model], name: str) -> tuple[float, float] | None:
    """The range of a parameter that all models support; None if there is none."""
    ranges = [model["parameters"].get(name) for model in models]
    if not all(ranges):
        return None
    low, high = max(limits["min"] for limits in ranges), min(limits["max"] for limits in ranges)
    return (low, high) if low < high else None


def _parameter(name: str, limits: tuple[float, float], models: Sequence[Model], fields: Fields) -> dict[str, Any]:
    with st.container(border=True, key=f"parameter-{name}"):
        is_set = st.toggle(t(f"playground.{name}"), **kept(f"playground.set.{name}"))
        st.caption(t(f"playground.{name}_help"))
        if not is_set:
            st.caption(t("playground.not_sent", values=_defaults(name, models)))
            return {}
        value = _value(name, limits, _default(name, limits, models), fields)
    return {name: value} if value is not None else {}


def _value(name: str, limits: tuple[float, float], default: float, fields: Fields) -> Any:
    label = t("playground.value_label", name=t(f"playground.{name}"))
    # The key contains the range: Streamlit rejects an earlier value outside the new range.
    key = f"playground.value.{name}.{limits}"
    low, high = limits
    if name == "stopSequences":
        return fields.lines(
            label,
            key,
            int(high),
            placeholder=t("playground.stopSequences_hint", most=int(high)),
            height=90,
            label_visibility="collapsed",
        )
    if name in _INTEGERS and high > _MAX_SLIDER_STEPS:
        return fields.number(label, key, int(low), int(high), int(default), label_visibility="collapsed")
    kind, step = (int, 1) if name in _INTEGERS else (float, 0.05)
    return st.slider(label, kind(low), kind(high), step=step, label_visibility="collapsed", **kept(key, kind(default)))


def _default(name: str, limits: tuple[float, float], models: Sequence[Model]) -> float:
    """The slider's initial value: the first model's default, or the maximum, which has no effect."""
    default = models[0]["parameters"][name].get("default")
    return min(max(default, limits[0]), limits[1]) if default is not None else limits[1]


def _defaults(name: str, models: Sequence[Model]) -> str:
    """The models' different defaults."""
    defaults = [limits["default"] for model in models if "default" in (limits := model["parameters"][name])]
    return " / ".join(dict.fromkeys(map(short, defaults))) if defaults else t("playground.model_default")


def _supported_parameters(models: Sequence[Model]) -> None:
    caption = t("playground.parameters")
    names = [name for name in PARAMETERS if any(name in model["parameters"] for model in models)]
    rows = [[t(f"playground.{name}"), *(_range(model["parameters"].get(name)) for model in models)] for name in names]
    columns = [caption, *(model["name"] for model in models)]
    components.table(caption, columns, rows, texts=len(columns), stacked=True)


def _range(limits: Mapping[str, float] | None) -> str:
    if limits is None:
        return t("playground.not_supported")
    text = t("playground.range", low=short(limits["min"]), high=short(limits["max"]))
    return text if "default" not in limits else f"{text} ({short(limits['default'])})"


def _form(selected: Sequence[str], fields: Fields) -> dict[str, str]:
    """The prompt, and the instructions if there are any."""
    with st.container(horizontal=True, gap="small"):
        for name in EXAMPLES:
            st.button(
                t(f"playground.{name}_label"),
                key=f"playground {name}",
                on_click=_use_example,
                args=(t(f"playground.{name}"),),
            )
    with st.form("playground"):
        prompt = fields.text_area(
            t("playground.prompt"),
            _PROMPT,
            components.MAX_CHARACTERS,
            height=140,
            placeholder=t("playground.prompt_hint"),
        )
        instructions = fields.text_area(
            t("playground.instructions"),
            "playground.instructions",
            components.MAX_CHARACTERS,
            height=80,
            placeholder=t("playground.instructions_hint"),
        )
        asked: list[str] = tab_state.values().get(_ASKED, [])
        st.form_submit_button(
            t("playground.run"),
            type="primary",
            icon=":material/play_arrow:",
            on_click=_start,
            args=(selected,),
            disabled=any(ApiRequest(USE_CASE, "/completions", model_id).running for model_id in asked),
        )
    return {"prompt": prompt, **({"instructions": instructions} if instructions else {})}


def _use_example(prompt: str) -> None:
    st.session_state[_PROMPT] = prompt


def _start(selected: Sequence[str]) -> None:
    # Without a model, the request under the empty id has the problem to show.
    tab_state.values()[_ASKED] = list(selected) or [""]
    for model_id in tab_state.values()[_ASKED]:
        ApiRequest(USE_CASE, "/completions", model_id).start()


def _problem(selected: Sequence[str], prompts: Mapping[str, str]) -> str | None:
    if not selected:
        return t("playground.no_model")
    return None if prompts["prompt"] else t("playground.no_prompt")


def _draw_text(card: Any, name: str, *, running: bool) -> Callable[[str], None]:
    """A function that shows the text so far in the model's card, which has the model's name while it answers."""
    with card:
        heading, placeholder = st.empty(), st.empty()
    if running:
        with heading:
            _heading(name)
    last_drawn = 0.0

    def draw(text: str) -> None:
        nonlocal last_drawn
        if time.monotonic() - last_drawn > _REDRAW_SECONDS:
            last_drawn = time.monotonic()
            with placeholder:
                components.markdown(text)

    return draw


def _outcome(model_id: str, request: ApiRequest, offered: Mapping[str, Model]) -> None:
    """A model's answer or failure."""
    if request.failure:
        _heading(_name(model_id, offered))
        components.error_box(request.failure, f"answer {model_id}")
    elif request.response:
        # A fallback may have answered.
        answered_by = request.response["model"]
        _heading(_name(answered_by, offered))
        _result(request.response, offered.get(answered_by))
    if request.body and (request.response or request.failure):
        details(USE_CASE, "POST", request.path, request.body, request.response, key=f"answer {model_id}")


def _heading(name: str) -> None:
    st.html(f'<p class="source">{html.escape(name)}</p>')


def _name(model_id: str, offered: Mapping[str, Model]) -> str:
    name: str = offered[model_id]["name"] if model_id in offered else model_id
    return name


def _result(item: Mapping[str, Any], model: Model | None) -> None:
    components.markdown(item["text"])
    reason = item["stopReason"]
    is_known = f"playground.stop_{reason}" in translations()
    components.badge(
        _STOP_BADGES.get(reason, "bad"),
        t(f"playground.stop_{reason}") if is_known else t("playground.stop_other", reason=reason),
    )
    st.html(f'<p class="usage">{html.escape(_time_and_cost(item, model))}</p>')
    components.usage_line(item)
    parameters = ", ".join(
        f"{_parameter_name(name)} {_parameter_text(value)}" for name, value in item["parameters"].items()
    )
    if parameters:
        st.html(f'<p class="usage">{html.escape(t("playground.parameters_used", values=parameters))}</p>')


def _parameter_name(parameter: str) -> str:
    key = f"playground.{parameter}"
    return t(key) if key in translations() else parameter


def _parameter_text(value: Any) -> str:
    return " ".join(map(repr, value)) if isinstance(value, list) else short(value)


def _time_and_cost(item: Mapping[str, Any], model: Model | None) -> str:
    seconds = t("playground.seconds", seconds=number(item["latencyMs"] / 1000, 1))
    price = model.get("price") if model else None
    usd = cost_of(price, item["usage"]) if price else None
    if price is None or usd is None:
        return f"{seconds} · {t('playground.no_price')}"
    cost_text = t("playground.cost", cost=cost(usd, price.get("currency", "USD")), day=price["asOf"])
    return f"{seconds} · {cost_text}"


def cost_of(price: Mapping[str, Any], usage: Mapping[str, int]) -> float | None:
    """The price of a call's tokens; None if the model has no price per token."""
    if "inputPerMillion" not in price or "outputPerMillion" not in price:
        return None
    tokens_in, tokens_out = usage.get("inputTokens", 0), usage.get("outputTokens", 0)
    return float((tokens_in * price["inputPerMillion"] + tokens_out * price["outputPerMillion"]) / 1_000_000)


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
    ending = [model for model in models if model["offered"] and _ends_soon(model, today)]
    if ending:
        st.caption(t("playground.ending_models"))
        st.html(f'<ul class="lifecycles">{"".join(_lifecycle_line(model, today) for model in ending)}</ul>')
    with st.expander(t("playground.model_table"), icon=":material/table:"):
        _table(models, today)
        st.caption(t("playground.price_note"))
    details(USE_CASE, "GET", "/models")


def _lifecycle_line(model: Model, today: date) -> str:
    level, text = lifecycle(model, today)
    return (
        f'<li><span class="badge {level}">{html.escape(text)}</span> '
        f"{html.escape(model['name'])} · {html.escape(model['provider'])}</li>"
    )


def _table(models: Sequence[Model], today: date) -> None:
    """All models, those that the stage offers first."""
    columns = [
        t(f"playground.column_{name}")
        for name in ("model", "offered", "price", "lifecycle", "purpose", "provider", "id")
    ]
    rows = [
        [
            model["name"],
            t("playground.yes") if model["offered"] else t("playground.no"),
            _price(model.get("price")),
            lifecycle(model, today)[1],
            _purpose(model["purpose"]),
            model["provider"],
            model["id"],
        ]
        for model in sorted(models, key=lambda model: not model["offered"])
    ]
    components.table(t("playground.model_table"), columns, rows, texts=len(columns), stacked=True)


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
