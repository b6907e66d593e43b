"""Input fields that keep what was entered, and name what the APIs would reject instead of dropping or changing it."""

import html
from typing import Any, TypeVar

import streamlit as st

from ui import tab_state
from ui.number_format import short
from ui.texts import language, t

_LANGUAGES = "fields.languages"
Number = TypeVar("Number", int, float)


def kept(key: str, default: Any = None) -> dict[str, Any]:
    """The arguments of a widget whose value survives page changes and reloads. `default` is its first value."""
    drafts: dict[str, Any] = tab_state.values().setdefault("drafts", {})
    if key in st.session_state:
        drafts[key] = st.session_state[key]
    elif key in drafts or default is not None:
        st.session_state[key] = drafts.get(key, default)
    return {"key": key, "persist_state": "session"}


def choice(key: str, default: Any = None) -> dict[str, Any]:
    """The arguments of a widget whose value survives, as those of `kept`, with options in the user's language.

    The browser knows an option by its label only. After a switch of languages it would show one that no longer exists,
    and another value would be sent, so the value is set again.
    """
    arguments = kept(key, default)
    languages: dict[str, str] = st.session_state.setdefault(_LANGUAGES, {})
    if languages.get(key, language()) != language() and key in st.session_state:
        st.session_state[key] = st.session_state[key]
    languages[key] = language()
    return arguments


def _out_of_range(label: str, low: float, high: float) -> str:
    return t("components.out_of_range", label=label, low=short(low), high=short(high))


class FieldProblem(str):
    """A problem that is shown next to its field, so nothing else shows it."""

    __slots__ = ()


class Fields:
    """The fields of one form. `problem` is what the user has to correct first."""

    def __init__(self) -> None:
        self.problem: FieldProblem | None = None

    def text_area(self, label: str, key: str, limit: int, default: str | None = None, **options: Any) -> str:
        """The text without the space around it, of at most `limit` characters."""
        return self.limited(label, st.text_area(label, **kept(key, default), **options), limit)

    def text_input(self, label: str, key: str, limit: int, default: str | None = None, **options: Any) -> str:
        """The line without the space around it, of at most `limit` characters."""
        return self.limited(label, st.text_input(label, **kept(key, default), **options), limit)

    def lines(self, label: str, key: str, most: int, default: str | None = None, **options: Any) -> list[str] | None:
        """The lines of a text that aren't empty, at most `most`; None if there are none."""
        lines = [line for line in (st.text_area(label, **kept(key, default), **options) or "").splitlines() if line]
        if len(lines) > most:
            self._problem(t("components.too_many_lines", label=label, count=len(lines), most=most), st)
        return lines or None

    def number(
        self, label: str, key: str, low: Number, high: Number, default: Number, *, parent: Any = st, **options: Any
    ) -> Number:
        """A number from `low` to `high`, an integer if `default` is one."""
        value = self.optional_number(label, key, low, high, default=default, parent=parent, **options)
        if value is None:
            self._problem(_out_of_range(label, low, high), parent)
        return default if value is None else value

    def optional_number(
        self,
        label: str,
        key: str,
        low: Number,
        high: Number,
        *,
        default: Number | None = None,
        parent: Any = st,
        **options: Any,
    ) -> Number | None:
        """A number from `low` to `high`, an integer if `low` is one, or nothing."""
        # With limits, Streamlit would keep the last valid number, which the user no longer sees. With integers, it
        # would cut off decimals.
        is_integer = isinstance(low, int)
        step = options.pop("step", 1 if is_integer else None)
        number_format = {"format": "%g"} if is_integer else {}
        value = parent.number_input(
            label, value=None, step=step and float(step), **kept(key, default), **number_format, **options
        )
        if value is None:
            return None
        if not low <= value <= high:
            self._problem(_out_of_range(label, low, high), parent)
        elif is_integer and value != int(value):
            self._problem(t("components.no_integer", label=label), parent)
        else:
            value = type(low)(value)
        entered: Number = value
        return entered

    def require(self, label: str, text: str) -> str:
        """The text of the field that was drawn last. An empty one is a problem."""
        if not text:
            self._problem(t("components.required", label=label), st)
        return text

    def limited(self, label: str, text: str | None, limit: int) -> str:
        """A widget's text without the space around it; a longer one than `limit` is a problem."""
        stripped = (text or "").strip()
        if len(stripped) > limit:
            counts = {"count": short(len(stripped)), "limit": short(limit)}
            self._problem(t("components.too_long", label=label, **counts), st)
        return stripped

    def _problem(self, problem: str, parent: Any) -> None:
        self.problem = self.problem or FieldProblem(problem)
        parent.html(f'<p class="field-problem" role="alert">{html.escape(problem)}</p>')
