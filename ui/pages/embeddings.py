"""Embeddings: texts as vectors, how near they are to each other, and where they lie on a map."""

import html
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from ui import components
from ui.api_request import ApiRequest
from ui.entry import Entry
from ui.texts import t

USE_CASE = "embeddings"
DIMENSIONS = (1024, 512, 256)
MOST = 96
# More make neither a heat map nor a map that anybody can read.
MOST_DRAWN = 24
# With more, the numbers in the cells run into each other on a telephone.
MOST_NUMBERED = 8
_TEXTS = "embeddings.texts"


def page() -> None:
    """Texts in, one a line; vectors, nearness and a map out."""
    request = ApiRequest(USE_CASE, "/embeddings")
    components.header("embeddings")
    st.button(
        t("embeddings.example"),
        icon=":material/format_list_bulleted:",
        on_click=_take,
        args=(t("embeddings.example_texts"),),
    )
    body = _form(request)
    request.run(body, t("embeddings.embedding"), _problem(body["texts"]))
    components.outcome(request)
    if request.response and request.body:
        _answer(request.response, request.body["texts"])
    if request.body:
        components.request_box(USE_CASE, "POST", "/embeddings", request.body)


ENTRY = Entry(USE_CASE, page, probe="/embeddings", icon=":material/scatter_plot:", position=3)


def _take(texts: str) -> None:
    st.session_state[_TEXTS] = texts


def _form(request: ApiRequest) -> dict[str, Any]:
    with st.form("embeddings"):
        texts = st.text_area(
            t("embeddings.texts"),
            key=_TEXTS,
            height=200,
            placeholder=t("embeddings.texts_hint"),
            persist_state="session",
        )
        left, right = st.columns(2, vertical_alignment="bottom")
        dimensions = left.selectbox(
            t("embeddings.dimensions"),
            DIMENSIONS,
            key="embeddings.dimensions",
            help=t("embeddings.dimensions_help"),
            persist_state="session",
        )
        normalize = right.checkbox(
            t("embeddings.normalize"),
            True,
            key="embeddings.normalize",
            help=t("embeddings.normalize_help"),
            persist_state="session",
        )
        st.form_submit_button(
            t("embeddings.embed"),
            type="primary",
            icon=":material/scatter_plot:",
            on_click=request.start,
            disabled=request.running,
        )
    lines = [line.strip() for line in (texts or "").splitlines() if line.strip()]
    return {"texts": lines, "dimensions": dimensions, "normalize": normalize}


def _problem(texts: list[str]) -> str | None:
    if not texts:
        return t("embeddings.nothing")
    return t("embeddings.too_many", most=MOST) if len(texts) > MOST else None


def _answer(answer: Mapping[str, Any], texts: list[str]) -> None:
    vectors = np.array([item["vector"] for item in answer["items"]])
    components.usage_line(answer)
    components.section(t("embeddings.vectors"))
    _vectors(answer, texts, vectors)
    if len(texts) < 2:
        st.caption(t("embeddings.one_more"))
        return
    drawn = texts[:MOST_DRAWN]
    nearness = cosines(vectors[:MOST_DRAWN])
    components.section(t("embeddings.nearness"))
    # Numbers stand for the texts in both pictures: names would cover each other, and on a telephone everything.
    st.html(f'<ol class="numbered">{"".join(f"<li>{html.escape(text)}</li>" for text in drawn)}</ol>')
    st.caption(t("embeddings.nearness_lead"))
    st.altair_chart(_heat_map(nearness, drawn), theme=None)
    components.section(t("embeddings.map"))
    st.caption(t("embeddings.map_lead"))
    st.altair_chart(_map(on_a_plane(vectors[:MOST_DRAWN]), drawn), theme=None)
    with st.expander(t("embeddings.table"), icon=":material/table:"):
        st.dataframe(
            pd.DataFrame(
                nearness.round(3),
                index=[f"{number}. {text}" for number, text in enumerate(drawn, 1)],
                columns=[str(number) for number in range(1, len(drawn) + 1)],
            )
        )


def _vectors(answer: Mapping[str, Any], texts: list[str], vectors: Any) -> None:
    rows = [
        {
            t("embeddings.column_text"): text,
            t("embeddings.column_tokens"): item.get("inputTokens"),
            t("embeddings.column_length"): round(float(np.linalg.norm(vector)), 4),
            t("embeddings.column_start"): ", ".join(f"{value:.4f}" for value in vector[:6]) + " ...",
        }
        for text, item, vector in zip(texts, answer["items"], vectors, strict=True)
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    components.json_box(answer, "embeddings")


def cosines(vectors: Any) -> Any:
    """The cosine of each vector with each, whatever their lengths."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths == 0, 1.0, lengths)
    return np.clip(unit @ unit.T, -1.0, 1.0)


def on_a_plane(vectors: Any) -> Any:
    """Two coordinates each, by principal component analysis: the plane on which they differ most."""
    centred = vectors - vectors.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    places = (left * sizes)[:, :2]
    # Two texts differ along one line only.
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))


def _heat_map(nearness: Any, texts: list[str]) -> Any:
    count = len(texts)
    rows = [
        {"row": a + 1, "column": b + 1, "one": texts[a], "other": texts[b], "cosine": round(float(nearness[a, b]), 3)}
        for a in range(count)
        for b in range(count)
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("column:O", title=None, axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("row:O", title=None),
        tooltip=["one:N", "other:N", "cosine:Q"],
    )
    # Cividis reads alike for every kind of colour vision, and in grey.
    cells = base.mark_rect().encode(
        color=alt.Color("cosine:Q", scale=alt.Scale(scheme="cividis"), legend=alt.Legend(title=None))
    )
    middle = float((nearness.min() + nearness.max()) / 2)
    numbers = base.mark_text(fontSize=11).encode(
        text=alt.Text("cosine:Q", format=".2f"),
        color=alt.condition(f"datum.cosine > {middle}", alt.value("#111111"), alt.value("#ffffff")),
    )
    return _dressed((cells + numbers if count <= MOST_NUMBERED else cells).properties(height=max(160, 34 * count)))


def _map(places: Any, texts: list[str]) -> Any:
    rows = [
        {"x": float(x), "y": float(y), "number": number, "text": text}
        for number, ((x, y), text) in enumerate(zip(places, texts, strict=True), 1)
    ]
    bare = alt.Axis(labels=False, ticks=False, title=None, grid=True, domain=False)
    reach = 1.25 * (float(np.abs(places).max()) or 1.0)
    scale = alt.Scale(domain=[-reach, reach])
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("x:Q", axis=bare, scale=scale), y=alt.Y("y:Q", axis=bare, scale=scale), tooltip=["number:O", "text:N"]
    )
    points = base.mark_circle(size=520, color="#f0a830", opacity=0.9, stroke="#5c3b00")
    numbers = base.mark_text(fontSize=13, fontWeight="bold", color="#17110a").encode(text="number:O")
    return _dressed((points + numbers).properties(height=380))


def _ink() -> str:
    return "#e6eeec" if st.context.theme.type == "dark" else "#17211f"


def _dressed(chart: Any) -> Any:
    """In the page's colours: Altair draws on its own canvas, where the page's style does not reach."""
    ink = _ink()
    return (
        chart.configure(background="transparent", font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(labelColor=ink, labelFontSize=12, gridColor="#8884", domainColor=ink, tickColor=ink)
        .configure_legend(labelColor=ink, titleColor=ink)
    )
