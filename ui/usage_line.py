"""What the caller has used today, and how much of the tightest budget, in one line of the sidebar."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from ui import tab_state
from ui.client import Client
from ui.number_format import cost, short
from ui.session import client
from ui.texts import t

USE_CASE = "usage"
_MAX_AGE_SECONDS = 30.0
# A page is never held up for longer. What arrives while it is drawn, or soon after, is shown at the end of the run.
_WAIT_SECONDS, _WAIT_AT_END_SECONDS = 0.1, 0.5
_TIGHT = 0.8


@dataclass(frozen=True)
class _Figures:
    cost: float
    share: float | None
    """Of the budget with the least left, 0 to 1; None without budgets."""
    budget: str = ""
    """Whose budget it is, and what it limits, such as `team_tokens`."""
    used: float = 0
    limit: float = 0


@dataclass
class _State:
    shown: _Figures | None = None
    reading: "Future[_Figures] | None" = None
    read: float = float("-inf")


def show() -> Callable[[], None]:
    """Draws the line in the sidebar, with what is known by now. What cannot be read is not shown.

    Call the result after the page: it draws what has arrived since.
    """
    state: _State = tab_state.values().setdefault("usage line", _State())
    slot = st.sidebar.container(key="usage-line").empty()
    if state.reading is None and time.monotonic() - state.read > _MAX_AGE_SECONDS:
        state.reading = Future()
        threading.Thread(target=_read, args=(client(), state.reading), daemon=True).start()
    if state.reading is not None:
        _take(state, state.reading, _WAIT_SECONDS if state.shown is None else 0)
    _draw(slot, state.shown)

    def update() -> None:
        if state.reading is not None:
            _take(state, state.reading, _WAIT_AT_END_SECONDS)
            _draw(slot, state.shown)

    return update


def forget() -> None:
    """Reads the figures again: something was used."""
    state: _State | None = tab_state.values().get("usage line")
    if state:
        state.read = float("-inf")


def _read(api: Client, figures: "Future[_Figures]") -> None:
    """Runs in a thread of its own, which has no access to the session."""
    today = datetime.now(UTC).date().isoformat()
    try:
        total = api.get(USE_CASE, "/usage", **{"from": today, "to": today, "groupBy": "day"})["total"]
        tightest = max(api.get(USE_CASE, "/budgets")["items"], key=share, default=None)
        figures.set_result(_figures(total["estimatedCostUsd"], tightest))
    except Exception as error:  # noqa: BLE001 - only a line of the sidebar depends on it
        figures.set_exception(error)


def _figures(today: float, budget: Mapping[str, Any] | None) -> _Figures:
    if budget is None:
        return _Figures(today, None)
    return _Figures(today, share(budget), f"{budget['per']}_{budget['of']}", budget["used"], budget["limit"])


def share(budget: Mapping[str, Any]) -> float:
    """How much of a budget is used up, 0 to 1."""
    return 1.0 if budget["limit"] == 0 else min(1.0, float(budget["used"]) / float(budget["limit"]))


def _take(state: _State, reading: "Future[_Figures]", wait_seconds: float) -> None:
    """Moves the figures to `state` if they have arrived."""
    try:
        state.shown = reading.result(wait_seconds)
    except TimeoutError:
        return
    except Exception:  # noqa: BLE001 - an older figure would be wrong
        state.shown = None
    state.reading, state.read = None, time.monotonic()


def _draw(slot: Any, figures: _Figures | None) -> None:
    if figures is None:
        slot.empty()
        return
    icon = ":material/warning:" if (figures.share or 0) >= _TIGHT else ":material/monitoring:"
    slot.page_link(st.session_state["pages"][USE_CASE], label=_text(figures), icon=icon)


def _text(figures: _Figures) -> str:
    text = t("usage.line", cost=cost(figures.cost))
    if figures.share is None:
        return text
    amount = cost if figures.budget.endswith("_usd") else short
    return f"{text} · {t(f'usage.line_{figures.budget}', used=amount(figures.used), limit=amount(figures.limit))}"
