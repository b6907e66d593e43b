"""
The entry: what every page has around it, and the one that is asked for.

In a folder of its own: beside a folder `pages`, Streamlit would make a menu of that folder by itself, and tell who
opens a page by its address that it does not exist.
"""

from pathlib import Path

import streamlit as st

from ui import stage
from ui.components import stage_missing
from ui.navigation import pages
from ui.sign_in import let_in
from ui.texts import LANGUAGES, browser_language, language, t

FOLDER = Path(__file__).parents[1]


def _language_switch() -> None:
    if "lang" not in st.session_state:
        asked = st.query_params.get("lang")
        st.session_state["lang"] = asked if asked in LANGUAGES else browser_language()
    st.sidebar.segmented_control(
        "Language / Idioma", list(LANGUAGES), required=True, format_func=LANGUAGES.__getitem__, key="lang"
    )
    # Going to another page empties the query string.
    st.query_params["lang"] = language()
    # Screen readers and the browser's hyphenation go by it; Streamlit's own says English always.
    st.html(
        f'<script>document.documentElement.lang = "{language()}"</script>',
        unsafe_allow_javascript=True,
    )


def main() -> None:
    """One run of the script."""
    _language_switch()
    st.set_page_config(page_title="Bedrock endpoints", page_icon=str(FOLDER / "images" / "icon.svg"), layout="wide")
    st.html(FOLDER / "style.css")
    st.logo(str(FOLDER / "images" / "logo.svg"), icon_image=str(FOLDER / "images" / "icon.svg"), size="large")
    if not let_in():
        # An address of one of the pages is not taken for a wrong one meanwhile.
        st.navigation(list(pages().values()), position="hidden")
        return
    made = pages()
    st.session_state["pages"] = made
    chosen = st.navigation(list(made.values()))
    try:
        found = stage.current()
    except stage.StageMissing as missing:
        stage_missing(missing)
        return
    st.sidebar.caption(t("components.stage", name=found.name))
    chosen.run()


main()
