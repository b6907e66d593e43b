"""The embeddings page: texts as vectors, their similarities, and a map."""

import html
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from ui import components
from ui.api_request import ApiRequest
from ui.charts import styled
from ui.details import details
from ui.entry import Entry
from ui.fields import Fields, kept
from ui.number_format import number, percent
from ui.texts import t

USE_CASE = "embeddings"
DIMENSIONS = (1024, 512, 256)
MAX_TEXTS = 96
# The charts are unreadable with more.
MAX_CHARTED = 24
# In the table of vectors.
_CHARACTERS_SHOWN = 80
_VALUES_SHOWN = 4
# With more, the numbers in the cells overlap on a phone.
MAX_NUMBERED = 8
_TEXTS = "embeddings.texts"


def page() -> None:
    """The form, and the vectors and charts of the response."""
    request = ApiRequest(USE_CASE, "/embeddings")
    components.header("embeddings")
    st.button(
        t("embeddings.example"),
        icon=":material/format_list_bulleted:",
        on_click=_use_example,
        args=(t("embeddings.example_texts"),),
    )
    fields = Fields()
    body = _form(request, fields)
    request.run(body, t("embeddings.running"), fields.problem or _problem(body["texts"]))
    components.outcome(request)
    if request.response and request.body:
        _results(request.response, request.body["texts"])
    if request.body:
        details(USE_CASE, "POST", "/embeddings", request.body, request.response)


ENTRY = Entry(USE_CASE, page, probe="/embeddings", icon=":material/scatter_plot:", position=3)


def _use_example(texts: str) -> None:
    st.session_state[_TEXTS] = texts


def _form(request: ApiRequest, fields: Fields) -> dict[str, Any]:
    with st.form("embeddings"):
        texts = st.text_area(
            t("embeddings.texts"),
            height=200,
            placeholder=t("embeddings.texts_hint"),
            **kept(_TEXTS),
        )
        lines = [line.strip() for line in (texts or "").splitlines() if line.strip()]
        for place, line in enumerate(lines, 1):
            fields.limited(t("embeddings.text_number", number=place), line, components.MAX_CHARACTERS)
        left, right = st.columns(2, vertical_alignment="bottom")
        dimensions = left.selectbox(
            t("embeddings.dimensions"),
            DIMENSIONS,
            help=t("embeddings.dimensions_help"),
            **kept("embeddings.dimensions"),
        )
        normalize = right.checkbox(
            t("embeddings.normalize"),
            help=t("embeddings.normalize_help"),
            **kept("embeddings.normalize", default=True),
        )
        st.form_submit_button(
            t("embeddings.embed"),
            type="primary",
            icon=":material/scatter_plot:",
            on_click=request.start,
            disabled=request.running,
        )
    return {"texts": lines, "dimensions": dimensions, "normalize": normalize}


def _problem(texts: list[str]) -> str | None:
    if not texts:
        return t("embeddings.no_text")
    return t("embeddings.too_many", most=MAX_TEXTS) if len(texts) > MAX_TEXTS else None


def _results(response: Mapping[str, Any], texts: list[str]) -> None:
    vectors = np.array([item["vector"] for item in response["items"]])
    components.usage_line(response)
    components.section(t("embeddings.vectors"))
    _vectors(response, texts, vectors)
    if len(texts) < 2:
        st.caption(t("embeddings.one_text"))
        return
    charted = texts[:MAX_CHARTED]
    similarities = cosine_similarities(vectors[:MAX_CHARTED])
    components.section(t("embeddings.similarity"))
    if len(texts) > MAX_CHARTED:
        st.caption(t("embeddings.charted", most=MAX_CHARTED, count=len(texts)))
    # The charts and their table show the texts' numbers: the texts themselves would overlap.
    st.html(f'<ol class="numbered">{"".join(f"<li>{html.escape(text)}</li>" for text in charted)}</ol>')
    st.caption(t("embeddings.similarity_lead"))
    st.altair_chart(_heat_map(similarities, charted), theme=None, alt=t("embeddings.similarity"))
    components.section(t("embeddings.map"))
    points = project_to_plane(vectors[:MAX_CHARTED])
    share = drawn_share(points, vectors[:MAX_CHARTED])
    st.caption(f"{t('embeddings.map_lead')} {t('embeddings.map_share', percent=percent(share, 0))}")
    st.altair_chart(_map(points, charted), theme=None, alt=t("embeddings.map"))
    with st.expander(t("components.as_table"), icon=":material/table:"):
        components.table(
            t("embeddings.similarity"),
            [t("embeddings.column_text"), *(str(place) for place in range(1, len(charted) + 1))],
            [[str(place), *(number(float(value), 3) for value in row)] for place, row in enumerate(similarities, 1)],
        )


def _vectors(response: Mapping[str, Any], texts: list[str], vectors: Any) -> None:
    rows = [
        [
            _shortened(text),
            number(item.get("inputTokens")),
            number(float(np.linalg.norm(vector)), 4),
            " · ".join(number(float(value), 4) for value in vector[:_VALUES_SHOWN]) + " …",
        ]
        for text, item, vector in zip(texts, response["items"], vectors, strict=True)
    ]
    columns = [t(f"embeddings.column_{name}") for name in ("text", "tokens", "length", "start")]
    components.table(t("embeddings.vectors"), columns, rows, stacked=True)


def _shortened(text: str) -> str:
    return text if len(text) <= _CHARACTERS_SHOWN else f"{text[: _CHARACTERS_SHOWN - 1]}…"


def cosine_similarities(vectors: Any) -> Any:
    """The cosine similarity of each pair of vectors, which may have any length."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths == 0, 1.0, lengths)
    return np.clip(unit @ unit.T, -1.0, 1.0)


def project_to_plane(vectors: Any) -> Any:
    """Two coordinates per vector, by principal component analysis."""
    centered = vectors - vectors.mean(axis=0)
    left, singular_values, _ = np.linalg.svd(centered, full_matrices=False)
    points = (left * singular_values)[:, :2]
    # Two vectors have one principal component only.
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))


def drawn_share(points: Any, vectors: Any) -> float:
    """The part of the vectors' variance that their points in the plane show, from 0 to 1."""
    centered = vectors - vectors.mean(axis=0)
    total = float((centered**2).sum())
    return min(1.0, float((points**2).sum()) / total) if total else 1.0


def _heat_map(similarities: Any, texts: list[str]) -> Any:
    count = len(texts)
    rows = [
        {
            "row": a + 1,
            "column": b + 1,
            "text": texts[a],
            "other text": texts[b],
            "cosine": round(float(similarities[a, b]), 3),
        }
        for a in range(count)
        for b in range(count)
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("column:O", title=None, axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("row:O", title=None),
        tooltip=[
            alt.Tooltip("text:N", title=t("embeddings.column_text")),
            alt.Tooltip("other text:N", title=t("embeddings.other_text")),
            alt.Tooltip("cosine:Q", title=t("embeddings.similarity")),
        ],
    )
    # Cividis works for all kinds of color vision, and in grayscale.
    cells = base.mark_rect().encode(
        color=alt.Color("cosine:Q", scale=alt.Scale(scheme="cividis"), legend=alt.Legend(title=None))
    )
    middle = float((similarities.min() + similarities.max()) / 2)
    numbers = base.mark_text(fontSize=11).encode(
        text=alt.Text("cosine:Q", format=".2f"),
        color=alt.condition(f"datum.cosine > {middle}", alt.value("#111111"), alt.value("#ffffff")),
    )
    return styled((cells + numbers if count <= MAX_NUMBERED else cells).properties(height=max(160, 34 * count)))


def _map(points: Any, texts: list[str]) -> Any:
    rows = [
        {"x": float(x), "y": float(y), "place": place, "text": text}
        for place, ((x, y), text) in enumerate(zip(points, texts, strict=True), 1)
    ]
    axis = alt.Axis(labels=False, ticks=False, title=None, grid=True, domain=False)
    limit = 1.25 * (float(np.abs(points).max()) or 1.0)
    scale = alt.Scale(domain=[-limit, limit])
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("x:Q", axis=axis, scale=scale),
        y=alt.Y("y:Q", axis=axis, scale=scale),
        tooltip=[alt.Tooltip("text:N", title=t("embeddings.column_text"))],
    )
    circles = base.mark_circle(size=520, color="#f0a830", opacity=0.9, stroke="#5c3b00")
    numbers = base.mark_text(fontSize=13, fontWeight="bold", color="#17110a").encode(text="place:O")
    return styled((circles + numbers).properties(height=380))
