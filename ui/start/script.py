"""
The script that Streamlit runs: sidebar, menu and the selected page.

It is in a separate folder, because Streamlit builds its own menu from a folder `pages` next to the script, and then
reports the URLs of our pages as unknown.
"""

from pathlib import Path

import streamlit as st

from ui import page_script, stage, tab_state, usage_line
from ui.components import stage_missing
from ui.navigation import pages
from ui.sign_in import is_allowed
from ui.texts import LANGUAGES, first_language, language, t

FOLDER = Path(__file__).parents[1]
_NAME = "Bedrock endpoints"


def _language_switch() -> None:
    if "lang" not in st.session_state:
        st.session_state["lang"] = first_language()
    st.sidebar.segmented_control(
        t("components.language"), list(LANGUAGES), required=True, format_func=LANGUAGES.__getitem__, key="lang"
    )
    # Streamlit clears the query string when the user visits another page.
    st.query_params["lang"] = language()


def main() -> None:
    """One run of the script."""
    _language_switch()
    st.set_page_config(page_icon=str(FOLDER / "images" / "icon.svg"), layout="wide")
    page_script.add()
    st.logo(str(FOLDER / "images" / "logo.svg"), icon_image=str(FOLDER / "images" / "icon.svg"), size="large")
    if not is_allowed():
        # Without it, Streamlit reports the URL of every page as unknown before sign-in.
        st.navigation(list(pages().values()), position="hidden")
        st.set_page_config(page_title=_NAME)
        return
    # Not before: there is room for some tabs only, and visitors without sign-in would take it.
    tab_state.keep()
    by_use_case = pages()
    st.session_state["pages"] = by_use_case
    selected = st.navigation(list(by_use_case.values()))
    st.set_page_config(page_title=f"{selected.title} · {_NAME}")
    try:
        current = stage.current()
    except stage.StageMissing as missing:
        stage_missing(missing)
        return
    st.sidebar.caption(t("components.stage", name=current.name))
    update_usage = usage_line.show() if usage_line.USE_CASE in by_use_case else None
    selected.run()
    if update_usage:
        update_usage()


main()
