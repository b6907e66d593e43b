"""The explanations of credit risk's terms."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import html
from ui.texts import translations

UI = Path(__file__).parents[2] / "ui"
PARTS = ("score", "models", "monitoring", "batches")


def explained() -> Iterator[str]:
    """The terms that the pages explain."""
    for file in UI.glob("credit_*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "credit_terms.explain":
                yield from (argument.value for argument in node.args[1:] if isinstance(argument, ast.Constant))


def test_every_explained_term_has_a_name_and_a_meaning() -> None:
    terms = {*explained()}
    assert len(terms) > 30
    missing = [f"{file}.{term}" for term in terms for file in ("credit_risk", "credit_terms")]
    assert not [key for key in missing if key not in translations()]


def test_every_meaning_is_shown_somewhere() -> None:
    meanings = {key.removeprefix("credit_terms.") for key in translations() if key.startswith("credit_terms.")}
    leads = {f"lead_{part}" for part in PARTS}
    assert meanings - {"title"} - leads == {*explained()}


def test_a_term_stands_with_its_meaning() -> None:
    def page() -> None:
        from ui import credit_terms

        credit_terms.explain("here", "auroc", "fits")

    app = AppTest.from_function(page).run()
    assert [expander.label for expander in app.expander] == ["What these terms mean"]
    assert "<dt>AUROC</dt><dd>The chance that a good loan scores higher" in "".join(html(app))


@pytest.mark.parametrize("part", PARTS)
def test_each_part_says_what_it_is_for(app: Callable[..., AppTest], part: str) -> None:
    page = app("credit_risk")
    page.session_state["credit.view"] = part
    page.run()
    assert translations()[f"credit_terms.lead_{part}"]["en"].replace("'", "&#x27;") in "".join(html(page))
