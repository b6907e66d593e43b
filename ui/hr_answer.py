"""HR Q&A: an answer with its sources: the quotes, and the pages that they are on."""

import html
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import streamlit as st

from ui import components, pdf, stage
from ui.client import Failure
from ui.hr_feedback import USE_CASE
from ui.session import caller, client
from ui.texts import t

PDF = "application/pdf"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


def show(response: Mapping[str, Any]) -> None:
    """The answer, and its citations with the pages of PDFs."""
    with st.container(border=True, key=f"answer-{response['requestId']}"):
        if not response["answered"]:
            components.badge("off", t("hr_qa.unanswered"))
        if statements := response["statements"]:
            _statements(statements, response["citations"])
        else:
            components.markdown(response["answer"])
        if not response["answered"]:
            st.caption(t("hr_qa.unanswered_hint"))
    components.usage_line(response)
    if response["citations"]:
        st.markdown(f"**{t('hr_qa.citations')}**")
    for place, citation in enumerate(response["citations"], 1):
        _citation(citation, place, response["requestId"])


def _statements(statements: Sequence[Mapping[str, Any]], citations: Sequence[Mapping[str, Any]]) -> None:
    """The statements with the numbers of their citations. Those of each document stand under its name if there are
    several documents, which may have different rules."""
    documents = {citation["documentId"]: citation["document"] for citation in citations}
    for document, group in groupby(statements, lambda each: citations[each["citations"][0] - 1]["documentId"]):
        if len(documents) > 1:
            st.html(f'<p class="answer-source" dir="auto">{html.escape(documents[document])}</p>')
        texts = (f"{html.escape(each['text'])}{_numbers(each['citations'], citations)}" for each in group)
        st.html(f'<p class="model-text" dir="auto">{" ".join(texts)}</p>')


def _numbers(numbers: Sequence[int], citations: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f'<sup class="citation-number" title="{html.escape(_place(citations[number - 1]))}">[{number}]</sup>'
        for number in numbers
    )


def _citation(citation: Mapping[str, Any], number: int, request_id: str) -> None:
    with st.container(border=True, key=f"citation-{number}-{request_id}"):
        is_pdf = citation.get("contentType", PDF) == PDF
        st.html(f'<p class="source" dir="auto">{number}. {html.escape(_place(citation))}</p>')
        if not is_pdf and "section" in citation:
            st.caption(components.plain(citation["section"]))
        components.model_text(citation["quote"], tag="blockquote")
        # Only pages of PDFs can be drawn. In other documents, readers find the quote in its section.
        if not is_pdf:
            return
        # Rendered only when it is opened, because that downloads the complete file.
        expander = st.expander(
            t("hr_qa.show_page", page=citation["page"]),
            icon=":material/find_in_page:",
            key=f"hr page {request_id} {number}",
            on_change="rerun",
        )
        if expander.open:
            with expander:
                _cited_page(citation, f"page {request_id} {number}")


def _place(citation: Mapping[str, Any]) -> str:
    """The document, and the page or slide if it has any."""
    place = {PDF: "hr_qa.place", PPTX: "hr_qa.place_slide"}.get(citation.get("contentType", PDF))
    document: str = citation["document"]
    return t(place, document=document, page=citation["page"]) if place else document


def _cited_page(citation: Mapping[str, Any], key: str) -> None:
    try:
        with st.spinner(t("hr_qa.fetching")):
            document = client().get(USE_CASE, f"/documents/{citation['documentId']}")
            if "url" not in document:
                st.warning(t("hr_qa.no_file"))
                return
            image = _render(
                caller(), document["id"], document["updatedAt"], citation["page"], citation["quote"], document["url"]
            )
    except Failure as failure:
        components.error_box(failure, key)
        return
    except pdf.UnreadablePage:
        st.warning(t("hr_qa.no_picture"))
        return
    if not image.quote_found:
        st.info(t("hr_qa.not_found"), icon=":material/info:")
    source = t("hr_qa.place", document=citation["document"], page=citation["page"])
    st.image(image.png, alt=source, width="stretch")
    # Browsers don't trust the local stage's certificate.
    if not stage.is_local(stage.current()):
        st.link_button(
            t("hr_qa.open_file"), f"{document['url']}#page={citation['page']}", icon=":material/open_in_new:"
        )


@st.cache_data(show_spinner=False, max_entries=32)
def _render(caller: str, document_id: str, version: str, page: int, quote: str, _url: str) -> pdf.PageImage:
    """The page's image. Its cache key excludes the presigned URL, which always differs."""
    return pdf.render(_file(caller, document_id, version, _url), page, quote)


@st.cache_resource(show_spinner=False, max_entries=2, ttl=600)
def _file(caller: str, document_id: str, version: str, _url: str) -> bytes:
    """The PDF. At most two are cached: each may have 100 MB."""
    return client().download(_url)
