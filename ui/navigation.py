"""The pages, in the order of the menu. A new page is a module in `ui/pages` and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ui.pages import chatbot, embeddings, home, hr_qa, image_generation, playground, summarization
from ui.texts import say


@dataclass(frozen=True)
class Entry:
    """A page: its use case (and address), its function, its icon, and a cheap GET that tells whether its API answers.

    `probe` may be a path that the API does not know: it has to be authorized, too.
    """

    use_case: str
    probe: str
    icon: str
    page: Callable[[], None] | None = None

    @property
    def key(self) -> str:
        """The prefix of its texts."""
        return self.use_case.replace("-", "_")


ENTRIES = (
    Entry("image-generation", "/images?limit=1", ":material/image:", image_generation.page),
    Entry("summarization", "/summaries?limit=1", ":material/summarize:", summarization.page),
    Entry("embeddings", "/embeddings", ":material/scatter_plot:", embeddings.page),
    Entry("hr-qa", "/documents?limit=1", ":material/quiz:", hr_qa.page),
    Entry("playground", "/models", ":material/tune:", playground.page),
    Entry("chatbot", "/conversations?limit=1", ":material/forum:", chatbot.page),
)


def pages() -> dict[str, Any]:
    """Streamlit's pages by use case, titled in the person's language; the home page under `home`."""
    start = st.Page(home.page, title=say("home.menu"), icon=":material/home:", default=True)
    made = {
        entry.use_case: st.Page(entry.page, title=say(f"{entry.key}.title"), icon=entry.icon, url_path=entry.use_case)
        for entry in ENTRIES
        if entry.page
    }
    return {"home": start, **made}
