"""Who may see the page on AWS, and how Streamlit is told."""

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

from tests.ui.fake_api import FakeApi
from ui import sign_in, sign_in_settings

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "UI_SIGN_IN": "oidc",
    "UI_URL": "https://page.example",
    "UI_ISSUER": "https://pool.example/abc",
    "UI_CLIENT_ID": "client",
    "UI_CLIENT_SECRET": 'se"cret',
    "UI_COOKIE_SECRET": "cookie",
}


def opened(monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], **environment: str) -> AppTest:
    """The entry, run once by somebody whom the provider says this of."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sign_in, "claims", lambda: claims)
    test = AppTest.from_file(str(ROOT / "ui" / "start" / "app.py"), default_timeout=20).run()
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
def test_without_sign_in_nothing_is_shown_or_asked(
    monkeypatch: pytest.MonkeyPatch, api: FakeApi, claims: dict[str, Any]
) -> None:
    test = opened(monkeypatch, claims, UI_SIGN_IN="oidc", UI_URL="https://page.example")

    assert [one.value for one in test.title] == ["Sign in to go on"]
    assert [one.label for one in test.button] == ["Sign in"]
    assert [*test.caption, *test.subheader, *test.text_area] == []
    assert api.calls == []


def test_nobody_gets_in_before_the_page_has_an_address(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    test = opened(monkeypatch, {}, UI_SIGN_IN="oidc")

    assert list(test.button) == []
    assert "ui.url" in test.info[0].value
    assert api.calls == []


def test_a_way_of_sign_in_that_is_not_known_lets_nobody_in(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    opened(monkeypatch, {}, UI_SIGN_IN="saml")

    assert api.calls == []


def test_who_signed_in_sees_the_page_and_can_leave(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    person = {"is_logged_in": True, "exp": time.time() + 600, "email": "ana@example.com"}

    test = opened(monkeypatch, person, UI_SIGN_IN="oidc", UI_URL="https://page.example")

    assert "What would you like to do?" in [one.value for one in test.title]
    assert "Sign out" in [one.label for one in test.sidebar.button]
    assert any("ana" in one.value for one in test.sidebar.caption)
    assert api.calls


def test_where_it_is_not_asked_for_everybody_sees_the_page(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    test = opened(monkeypatch, {})

    assert "What would you like to do?" in [one.value for one in test.title]
    assert list(test.sidebar.button) == []


def test_streamlit_is_told_in_a_file_for_this_user_alone() -> None:
    environment = dict(ENVIRONMENT)

    option, file = sign_in_settings.hand_over(environment)

    assert option == "--secrets.files"
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert stat.S_IMODE(Path(file).parent.stat().st_mode) == 0o700
    assert tomllib.loads(Path(file).read_text("utf-8"))["auth"] == {
        "redirect_uri": "https://page.example/oauth2callback",
        "cookie_secret": "cookie",
        "client_id": "client",
        "client_secret": 'se"cret',
        "server_metadata_url": "https://pool.example/abc/.well-known/openid-configuration",
        "client_kwargs": {"scope": "openid email profile", "prompt": "login"},
    }
    assert not environment.keys() & set(sign_in_settings.SECRETS)


def test_a_container_calls_under_one_name_whatever_task_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"UI_CALLER_ROLE": "arn:aws:iam::111122223333:role/caller"}

    sign_in_settings.become_caller(environment)

    monkeypatch.setenv("AWS_CONFIG_FILE", environment["AWS_CONFIG_FILE"])
    assert botocore.session.Session().get_scoped_config() == {
        "role_arn": "arn:aws:iam::111122223333:role/caller",
        "credential_source": "EcsContainer",
        "role_session_name": "page",
    }


def test_elsewhere_the_person_s_own_configuration_stays() -> None:
    environment = {"AWS_CONFIG_FILE": "mine"}

    sign_in_settings.become_caller(environment)

    assert environment == {"AWS_CONFIG_FILE": "mine"}


def test_half_a_provider_is_refused() -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "UI_COOKIE_SECRET"}

    with pytest.raises(ValueError, match="UI_COOKIE_SECRET"):
        sign_in_settings.hand_over(environment)


@pytest.mark.parametrize("environment", [{}, {"UI_SIGN_IN": "oidc"}, {**ENVIRONMENT, "UI_SIGN_IN": "off"}])
def test_nothing_is_told_where_there_is_nothing_to_tell(environment: dict[str, str]) -> None:
    assert sign_in_settings.hand_over(dict(environment)) == []


def test_it_listens_for_others_only_with_sign_in() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "UI_SIGN_IN"}
    command = [sys.executable, "-m", "ui", "--address", "0.0.0.0"]  # noqa: S104

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "UI_SIGN_IN" in done.stderr
