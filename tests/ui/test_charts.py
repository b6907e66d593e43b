"""What all charts share."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import click
from tests.ui.fake_api import FakeApi


def _tooltips(value: Any) -> Iterator[dict[str, str]]:
    """The fields that a chart's points show, at any depth of its layers."""
    if isinstance(value, dict):
        yield from value.get("tooltip", []) if isinstance(value.get("tooltip"), list) else []
        for part in value.values():
            yield from _tooltips(part)
    elif isinstance(value, list):
        for part in value:
            yield from _tooltips(part)


def _credit(app: Callable[..., AppTest], part: str, view: str | None = None) -> AppTest:
    page = app("credit_risk")
    page.session_state["credit.view"] = part
    page.session_state["credit.model_view"] = view
    return page.run()


def test_what_a_chart_shows_of_a_point_has_names_in_the_users_language(
    app: Callable[..., AppTest], api: FakeApi
) -> None:
    api.services["usage"].add(datetime.now(UTC).date().isoformat())
    api.services["credit-risk"].add_periods()
    embeddings = app("embeddings")
    embeddings.text_area[0].set_value("One\nTwo")
    credit_score = app("credit_risk")
    click(credit_score, "An average applicant")
    pages = {
        "usage": app("usage"),
        "embeddings": click(embeddings, "Embed and compare"),
        "score": click(credit_score, "Score the application"),
        "quality": _credit(app, "models", "quality"),
        "monitoring": _credit(app, "monitoring"),
    }
    for name, page in pages.items():
        tooltips = [
            tooltip for chart in page.get("vega_lite_chart") for tooltip in _tooltips(json.loads(chart.proto.spec))
        ]
        assert tooltips, name
        # Without a title, Vega shows the name of the field.
        assert [tooltip for tooltip in tooltips if not tooltip.get("title")] == []
