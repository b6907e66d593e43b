"""What charts share: the theme's colors, and a table with the same figures for those who cannot see them."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ui import components
from ui.components import Cell
from ui.texts import language, t

# Vega's number format of each language, as far as it differs.
_COMMA = {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", ""]}
_NUMBERS = {"es": _COMMA, "pt": _COMMA}


def text_color() -> str:
    return "#e6eeec" if st.context.theme.type == "dark" else "#17211f"


def styled(chart: Any) -> Any:
    """The chart in the theme's colors: the page's CSS does not apply to Altair's canvas."""
    color = text_color()
    options = {"locale": {"number": _NUMBERS[language()]}} if language() in _NUMBERS else {}
    return (
        chart.configure(background="transparent", font="system-ui, sans-serif", **options)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=color, titleColor=color, labelFontSize=12, gridColor="#8884", domainColor=color, tickColor=color
        )
        .configure_legend(labelColor=color, titleColor=color, labelLimit=320)
    )


def legend(colors: Mapping[str, str]) -> None:
    """The colors of a chart's groups. Vega's own legend neither wraps nor shortens to a phone's width."""
    items = "".join(
        f'<li><span style="background: {color}"></span>{html.escape(name)}</li>' for name, color in colors.items()
    )
    st.html(f'<ul class="legend">{items}</ul>')


def with_table(
    chart: Any, caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, texts: int = 1
) -> None:
    """A chart, and on demand the same as a table, whose first columns (`texts`) are texts.

    `caption` is the chart's text alternative.
    """
    st.altair_chart(styled(chart), theme=None, alt=caption)
    with st.expander(t("components.as_table"), icon=":material/table:", key=f"table of {caption}"):
        components.table(caption, columns, rows, texts=texts, stacked=True)
