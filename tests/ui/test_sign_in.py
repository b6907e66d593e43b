"""Sign-in, and its settings for Streamlit."""

import os
import stat
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import html
from tests.ui.fake_api import FakeApi
from ui import sign_in, sign_in_settings, tab_state

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "UI_SIGN_IN": "oidc",
    "UI_URL": "https://ui.example",
    "UI_ISSUER": "https://pool.example/abc",
    "UI_CLIENT_ID": "client",
    "UI_CLIENT_SECRET": 'se"cret',
    "UI_COOKIE_SECRET": "cookie",
}


def run_app(monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], **environment: str) -> AppTest:
    """Runs the app once, for a user with these claims."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sign_in, "claims", lambda: claims)
    test = AppTest.from_file(str(ROOT / "ui" / "start" / "script.py"), default_timeout=60).run()
    assert not test.exception, test.exception
    return test


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"is_logged_in": False},
        {"is_logged_in": False, "exp": time.time() + 600},
        {"is_logged_in": True},
        {"is_logged_in": True, "exp": "soon"},
        {"is_logged_in": True, "exp": time.time() - 1},
    ],
)
def test_without_sign_in_nothing_is_shown_or_requested(
    monkeypatch: pytest.MonkeyPatch, api: FakeApi, claims: dict[str, Any]
) -> None:
    test = run_app(monkeypatch, claims, UI_SIGN_IN="oidc", UI_URL="https://ui.example")

    assert [title.value for title in test.title] == ["Sign in to continue"]
    assert [button.label for button in test.button] == ["Sign in"]
    assert [*test.caption, *test.subheader, *test.text_area] == []
    assert api.calls == []


def test_visitors_without_sign_in_take_no_tabs_of_others(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    tabs = tab_state._Tabs()
    monkeypatch.setattr(tab_state, "_tabs", lambda: tabs)
    of_ana = tabs.open(None, "ana")

    run_app(monkeypatch, {}, UI_SIGN_IN="oidc", UI_URL="https://ui.example")
    assert [*tabs._tabs.values()] == [of_ana]

    run_app(monkeypatch, {"is_logged_in": True, "exp": time.time() + 600})
    assert len(tabs._tabs) == 2


def test_sign_in_is_unavailable_without_a_url(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    test = run_app(monkeypatch, {}, UI_SIGN_IN="oidc")

    assert list(test.button) == []
    assert "ui.url" in test.info[0].value
    assert api.calls == []


def test_an_unknown_sign_in_method_denies_access(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    test = run_app(monkeypatch, {}, UI_SIGN_IN="saml")

    assert [title.value for title in test.title] == ["Sign in to continue"]
    assert api.calls == []


def test_a_signed_in_user_has_access_and_can_sign_out(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    claims = {"is_logged_in": True, "exp": time.time() + 600, "email": "ana@example.com"}

    test = run_app(monkeypatch, claims, UI_SIGN_IN="oidc", UI_URL="https://ui.example")

    assert "What would you like to do?" in [title.value for title in test.title]
    assert "Sign out" in [button.label for button in test.sidebar.button]
    assert any("ana@example.com" in text for text in html(test))
    assert test.get("page_link")


def test_a_users_name_is_no_markup(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    claims = {"is_logged_in": True, "exp": time.time() + 600, "name": "Ana <img src=//evil.example>"}

    test = run_app(monkeypatch, claims, UI_SIGN_IN="oidc", UI_URL="https://ui.example")

    assert any("Ana &lt;img" in text for text in html(test))
    assert not any("<img" in text for text in html(test))


def test_without_required_sign_in_everyone_has_access(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    test = run_app(monkeypatch, {})

    assert "What would you like to do?" in [title.value for title in test.title]
    assert list(test.sidebar.button) == []


def test_streamlits_settings_are_in_a_file_that_only_this_user_can_read() -> None:
    environment = dict(ENVIRONMENT)

    option, file = sign_in_settings.streamlit_options(environment)

    assert option == "--secrets.files"
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert stat.S_IMODE(Path(file).parent.stat().st_mode) == 0o700
    assert tomllib.loads(Path(file).read_text("utf-8"))["auth"] == {
        "redirect_uri": "https://ui.example/oauth2callback",
        "cookie_secret": "cookie",
        "client_id": "client",
        "client_secret": 'se"cret',
        "server_metadata_url": "https://pool.example/abc/.well-known/openid-configuration",
        "client_kwargs": {"scope": "openid email profile", "prompt": "login"},
    }
    assert not environment.keys() & set(sign_in_settings.SECRETS)


def test_all_containers_have_the_same_role_session_name(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"UI_CALLER_ROLE": "arn:aws:iam::111122223333:role/caller"}

    sign_in_settings.use_caller_role(environment)

    monkeypatch.setenv("AWS_CONFIG_FILE", environment["AWS_CONFIG_FILE"])
    assert botocore.session.Session().get_scoped_config() == {
        "role_arn": "arn:aws:iam::111122223333:role/caller",
        "credential_source": "EcsContainer",
        "role_session_name": "page",
    }


def test_without_a_caller_role_the_aws_configuration_is_unchanged() -> None:
    environment = {"AWS_CONFIG_FILE": "mine"}

    sign_in_settings.use_caller_role(environment)

    assert environment == {"AWS_CONFIG_FILE": "mine"}


def test_incomplete_provider_settings_are_an_error() -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "UI_COOKIE_SECRET"}

    with pytest.raises(ValueError, match="UI_COOKIE_SECRET"):
        sign_in_settings.streamlit_options(environment)


@pytest.mark.parametrize("environment", [{}, {"UI_SIGN_IN": "oidc"}, {**ENVIRONMENT, "UI_SIGN_IN": "off"}])
def test_without_sign_in_streamlit_needs_no_options(environment: dict[str, str]) -> None:
    assert sign_in_settings.streamlit_options(dict(environment)) == []


def test_listening_on_all_interfaces_requires_sign_in() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "UI_SIGN_IN"}
    command = [sys.executable, "-m", "ui", "--address", "0.0.0.0"]  # noqa: S104

    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert process.returncode == 2
    assert "UI_SIGN_IN" in process.stderr
