"""The playground: one prompt, up to four models side by side, and what their parameters do."""

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
MOST = 4
_CHARACTERS = 50_000
# The API's names, in the order in which a person tries them.
PARAMETERS = (
    "temperature", "topP", "topK", "maxTokens", "stopSequences",
    "lengthPenalty", "repetitionPenalty", "presencePenalty", "frequencyPenalty",
)  # fmt: skip
_WHOLE = ("topK", "maxTokens")
# A slider over more steps cannot be aimed with.
_LONGEST_SLIDER = 1000
_STOPS = {"end_turn": "good", "stop_sequence": "good", "max_tokens": "warn"}
# The same days as the stage's own check of its models warns of.
_SOON = timedelta(days=90)
_MODELS_KEPT_SECONDS = 300
_PROMPT, _CHOSEN = "playground.prompt", "playground.models"
# Drawing each letter would be slower than the model.
_DRAW_SECONDS = 0.1

Model = Mapping[str, Any]


def page() -> None:
    """The models, how they shall write, what they are asked, and what comes of it."""
    components.header("playground")
    try:
        models = _models()
    except Failure as failure:
        components.error_box(failure, "models")
        return
    offered = {one["invocationId"]: one for one in models if one["offered"] and one["purpose"] == "text"}
    if not offered:
        st.info(t("playground.none_offered"), icon=":material/info:")
    else:
        _try(offered)
    _lives(models)


ENTRY = Entry(USE_CASE, page, probe="/models", icon=":material/tune:", position=5)


def _models() -> list[dict[str, Any]]:
    """The stage's list: it changes with a deployment only, and a slider moves often."""
    kept = st.session_state.get("playground.list")
    if kept is None or time.monotonic() - kept[0] > _MODELS_KEPT_SECONDS:
        kept = time.monotonic(), client().get(USE_CASE, "/models")["items"]
        st.session_state["playground.list"] = kept
    found: list[dict[str, Any]] = kept[1]
    return found


def _try(offered: Mapping[str, Model]) -> None:
    one, several = ApiRequest(USE_CASE, "/completions"), ApiRequest(USE_CASE, "/comparisons")
    chosen = _choose(offered)
    rows = [offered[name] for name in chosen]
    parameters = _parameters(rows)
    request, other = (several, one) if len(chosen) > 1 else (one, several)
    task, stream = _form(request, other, alone=len(chosen) == 1)
    named = {"models": chosen} if len(chosen) > 1 else {"model": chosen[0]} if chosen else {}
    body = {**named, **task, **({"parameters": parameters} if parameters else {})}
    request.run(body, t("playground.writing"), _problem(body), _show() if stream else None)
    for each in (one, several):
        components.outcome(each)
        if each.response and each.body:
            _results(each.response, each.body, offered)
    if request.body and (request.response or request.failure):
        components.request_box(USE_CASE, "POST", request.path, request.body)


def _choose(offered: Mapping[str, Model]) -> list[str]:
    if _CHOSEN not in st.session_state:
        st.session_state[_CHOSEN] = list(offered)[:1]
    # What was chosen before a deployment may not be offered after it.
    st.session_state[_CHOSEN] = [one for one in st.session_state[_CHOSEN] if one in offered]
    chosen: list[str] = st.multiselect(
        t("playground.models"),
        list(offered),
        format_func=lambda one: _label(offered[one]),
        key=_CHOSEN,
        max_selections=MOST,
        placeholder=t("playground.models_hint"),
        persist_state="session",
    )
    return chosen


def _label(model: Model) -> str:
    name = f"{model['name']} · {model['provider']}"
    return f"{name} · {life(model, _today())[1]}" if _ends(model, _today()) else name


def _parameters(rows: Sequence[Model]) -> dict[str, Any]:
    """Those that the person set, which are the only ones that are sent."""
    values: dict[str, Any] = {}
    if not rows:
        return values
    with st.expander(t("playground.parameters"), icon=":material/tune:"):
        st.caption(t("playground.parameters_lead"))
        with st.container(key="parameters"):
            for name in PARAMETERS:
                reach = common(rows, name)
                if reach:
                    values |= _parameter(name, reach, rows)
        if len(rows) > 1:
            st.caption(t("playground.each_takes"))
            st.dataframe(_what_each_takes(rows), alt=t("playground.each_takes"))
    return values


def common(rows: Sequence[Model], name: str) -> tuple[float, float] | None:
    """From where to where all the models take it; None when one does not, or when nothing is left to choose."""
    reaches = [row["parameters"].get(name) for row in rows]
    if not all(reaches):
        return None
    low, high = max(one["min"] for one in reaches), min(one["max"] for one in reaches)
    return (low, high) if low < high else None


def _parameter(name: str, reach: tuple[float, float], rows: Sequence[Model]) -> dict[str, Any]:
    with st.container(border=True, key=f"parameter-{name}"):
        set_here = st.toggle(t(f"playground.{name}"), key=f"playground.set.{name}", persist_state="session")
        st.caption(t(f"playground.{name}_what"))
        if not set_here:
            st.caption(t("playground.not_sent", values=_defaults(name, rows)))
            return {}
        value = _value(name, reach, _default(name, reach, rows))
    return {name: value} if value is not None else {}


def _value(name: str, reach: tuple[float, float], default: float) -> Any:
    label = t("playground.value_of", name=t(f"playground.{name}"))
    # Another range is another widget: a value outside it would not be taken.
    kept: dict[str, Any] = {
        "key": f"playground.value.{name}.{reach}", "persist_state": "session", "label_visibility": "collapsed",
    }  # fmt: skip
    low, high = reach
    if name == "stopSequences":
        lines = st.text_area(label, placeholder=t("playground.stopSequences_hint", most=int(high)), height=90, **kept)
        return [one for one in (lines or "").splitlines() if one][: int(high)] or None
    if name not in _WHOLE:
        return st.slider(label, float(low), float(high), float(default), 0.05, **kept)
    if high > _LONGEST_SLIDER:
        return int(st.number_input(label, int(low), int(high), int(default), **kept))
    return int(st.slider(label, int(low), int(high), int(default), **kept))


def _default(name: str, reach: tuple[float, float], rows: Sequence[Model]) -> float:
    """Where the slider starts: at the first model's own value, or where the parameter changes nothing."""
    own = rows[0]["parameters"][name].get("default")
    return min(max(own, reach[0]), reach[1]) if own is not None else reach[1]


def _defaults(name: str, rows: Sequence[Model]) -> str:
    """The models' own values in words, one if they are alike."""
    owns = [_number(own) for row in rows if (own := row["parameters"][name].get("default")) is not None]
    return " / ".join(dict.fromkeys(owns)) if owns else t("playground.models_own")


def _what_each_takes(rows: Sequence[Model]) -> pd.DataFrame:
    taken = [name for name in PARAMETERS if any(name in row["parameters"] for row in rows)]
    columns = {row["name"]: [_reach(row["parameters"].get(name)) for name in taken] for row in rows}
    return pd.DataFrame(columns, index=[t(f"playground.{name}") for name in taken])


def _reach(reach: Mapping[str, float] | None) -> str:
    if reach is None:
        return t("playground.takes_not")
    said = t("playground.takes", low=_number(reach["min"]), high=_number(reach["max"]))
    return said if "default" not in reach else f"{said} ({_number(reach['default'])})"


def _number(value: float) -> str:
    return f"{value:,g}" if abs(value) < 1e6 else f"{value:,.0f}"


def _form(request: ApiRequest, other: ApiRequest, *, alone: bool) -> tuple[dict[str, Any], bool]:
    """What the models are asked, and whether the answer is to be shown while it is written."""
    with st.container(horizontal=True, gap="small"):
        for name in EXAMPLES:
            st.button(
                t(f"playground.{name}_label"),
                key=f"playground {name}",
                on_click=_take,
                args=(t(f"playground.{name}"),),
            )
    with st.form("playground"):
        prompt = st.text_area(
            t("playground.prompt"),
            key=_PROMPT,
            height=140,
            max_chars=_CHARACTERS,
            placeholder=t("playground.prompt_hint"),
            persist_state="session",
        )
        instructions = st.text_area(
            t("playground.instructions"),
            key="playground.instructions",
            height=80,
            max_chars=_CHARACTERS,
            placeholder=t("playground.instructions_hint"),
            persist_state="session",
        )
        stream = alone and st.toggle(t("playground.stream"), True, key="playground.stream", persist_state="session")
        st.form_submit_button(
            t("playground.run"),
            type="primary",
            icon=":material/play_arrow:",
            on_click=_begin,
            args=(request, other),
            disabled=request.running,
        )
    task = {"prompt": (prompt or "").strip()}
    if instructions and instructions.strip():
        task["instructions"] = instructions.strip()
    return task, stream


def _take(prompt: str) -> None:
    st.session_state[_PROMPT] = prompt


def _begin(request: ApiRequest, other: ApiRequest) -> None:
    """The other way's last answer would stand beside this one's, as if it belonged to it."""
    other.replace_response(None)
    request.start()


def _problem(body: Mapping[str, Any]) -> str | None:
    if "model" not in body and "models" not in body:
        return t("playground.no_model")
    return None if body["prompt"] else t("playground.no_prompt")


def _show() -> Callable[[str], None]:
    """Draws the text so far, in one place."""
    place = st.empty()
    drawn = 0.0

    def draw(text: str) -> None:
        nonlocal drawn
        if time.monotonic() - drawn > _DRAW_SECONDS:
            drawn = time.monotonic()
            with place:
                components.model_text(text)

    return draw


def _results(answer: Mapping[str, Any], body: Mapping[str, Any], offered: Mapping[str, Model]) -> None:
    """A card a model, in the order in which they were asked."""
    asked = body["models"] if "models" in body else [body["model"]]
    items = answer.get("items", [answer])
    with st.container(key="answers"):
        for number, (name, item) in enumerate(zip(asked, items, strict=True)):
            with st.container(border=True, key=f"answer-{number}"):
                st.html(f'<p class="source">{html.escape(offered[name]["name"] if name in offered else name)}</p>')
                if "error" in item:
                    components.error_box(_failure(item["error"]), f"answer {number}")
                else:
                    _result(item, offered.get(name))


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
    known = f"playground.stop_{reason}" in translations()
    components.badge(
        _STOPS.get(reason, "bad"),
        t(f"playground.stop_{reason}") if known else t("playground.stop_other", reason=reason),
    )
    st.html(f'<p class="usage">{html.escape(_spent(item, model))}</p>')
    components.usage_line(item)
    in_force = ", ".join(f"{name} {_shown(value)}" for name, value in item["parameters"].items())
    if in_force:
        st.html(f'<p class="usage">{html.escape(t("playground.in_force", values=in_force))}</p>')


def _shown(value: Any) -> str:
    return " ".join(map(repr, value)) if isinstance(value, list) else _number(value)


def _spent(item: Mapping[str, Any], model: Model | None) -> str:
    seconds = t("playground.seconds", seconds=f"{item['latencyMs'] / 1000:.1f}")
    price = model.get("price") if model else None
    spent = cost(price, item["usage"]) if price else None
    if price is None or spent is None:
        return f"{seconds} · {t('playground.no_price')}"
    said = t("playground.cost", cost=f"{money(spent)} {price.get('currency', 'USD')}", day=price["asOf"])
    return f"{seconds} · {said}"


def cost(price: Mapping[str, Any], usage: Mapping[str, int]) -> float | None:
    """The price of a call's tokens; None when the row has no price for tokens."""
    if "inputPerMillion" not in price or "outputPerMillion" not in price:
        return None
    tokens_in, tokens_out = usage.get("inputTokens", 0), usage.get("outputTokens", 0)
    return float((tokens_in * price["inputPerMillion"] + tokens_out * price["outputPerMillion"]) / 1_000_000)


def money(value: float) -> str:
    """Two figures that say something, however small the sum is."""
    return f"{value:.{max(2, 1 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def life(model: Model, today: date) -> tuple[str, str]:
    """A model's state in colour and in words. An active model's day is the earliest possible, not an announced one."""
    told = model["lifecycle"]
    ends = told.get("endOfLifeAt")
    if told["status"] == "ended":
        return "bad", t("playground.life_ended", day=ends or "?")
    if told["status"] == "legacy":
        return "warn", t("playground.life_legacy", day=ends) if ends else t("playground.life_legacy_open")
    if ends is None:
        return "good", t("playground.life_active")
    if ends <= today.isoformat():
        return "warn", t("playground.life_any_day", day=ends)
    return ("warn" if _ends(model, today) else "good"), t("playground.life_until", day=ends)


def _ends(model: Model, today: date) -> bool:
    """Whether it has ended, or does soon."""
    ends = model["lifecycle"].get("endOfLifeAt")
    return model["lifecycle"]["status"] != "active" or bool(ends and ends <= (today + _SOON).isoformat())


def _today() -> date:
    return datetime.now(UTC).date()


def _lives(models: Sequence[Model]) -> None:
    components.section(t("playground.all_models"))
    today = _today()
    ending = [one for one in models if _ends(one, today)]
    if ending:
        st.caption(t("playground.ending"))
        st.html(f'<ul class="lives">{"".join(_life_line(one, today) for one in ending)}</ul>')
    with st.expander(t("playground.table"), icon=":material/table:"):
        st.dataframe(_table(models, today), hide_index=True, alt=t("playground.table"))
        st.caption(t("playground.table_note"))
    components.request_box(USE_CASE, "GET", "/models")


def _life_line(model: Model, today: date) -> str:
    kind, said = life(model, today)
    mine = f" ({t('playground.offered_here')})" if model["offered"] else ""
    return (
        f'<li><span class="badge {kind}">{html.escape(said)}</span> '
        f"{html.escape(model['name'])} · {html.escape(model['provider'])}{html.escape(mine)}</li>"
    )


def _table(models: Sequence[Model], today: date) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                t("playground.column_model"): model["name"],
                t("playground.column_provider"): model["provider"],
                t("playground.column_purpose"): _purpose(model["purpose"]),
                t("playground.column_here"): t("playground.yes") if model["offered"] else t("playground.no"),
                t("playground.column_life"): life(model, today)[1],
                t("playground.column_legacy"): model["lifecycle"].get("legacyAt", ""),
                t("playground.column_end"): model["lifecycle"].get("endOfLifeAt", ""),
                t("playground.column_price"): _price(model.get("price")),
                "id": model["id"],
            }
            for model in models
        ]
    )


def _purpose(purpose: str) -> str:
    known = f"playground.purpose_{purpose}" in translations()
    return t(f"playground.purpose_{purpose}") if known else purpose


def _price(price: Mapping[str, Any] | None) -> str:
    if not price:
        return t("playground.no_price")
    currency = price.get("currency", "USD")
    if "perImage" in price:
        return t("playground.price_image", price=f"{price['perImage']:g} {currency}")
    told = [f"{price[name]:g}" for name in ("inputPerMillion", "outputPerMillion") if name in price]
    return t("playground.price_tokens", price=f"{' / '.join(told)} {currency}")
