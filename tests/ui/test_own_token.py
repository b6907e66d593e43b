"""Users who call the APIs with their own tokens."""

import base64
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.browser import BrowserSession
from tests.ui.conftest import unused_port, wait_until_healthy
from tests.ui.fake_api import FakeApi, services
from tests.ui.fake_issuer import CLIENT_ID, CLIENT_SECRET, FakeIssuer
from tests.ui.test_sign_in import run_app
from ui import hr_answer, model_names, own_token, sign_in_settings, stage, tab_state
from ui import session as ui_session
from ui.client import Client, Failure, SignInExpired
from ui.own_token import OwnToken

ROOT = Path(__file__).parents[2]
OWN = {"UI_SIGN_IN": "oidc", "UI_API_TOKEN": "id"}
ANA = {"iss": "https://issuer.example", "sub": "ana"}


def token_of(claims: dict[str, Any]) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.c2ln"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({**OWN, "UI_BEARER_TOKEN": "token"}, "UI_BEARER_TOKEN with UI_API_TOKEN"),
        ({**OWN, "UI_CALLER_ROLE": "role"}, "UI_CALLER_ROLE with UI_API_TOKEN"),
        ({"UI_API_TOKEN": "id"}, "requires UI_SIGN_IN"),
        ({**OWN, "UI_API_TOKEN": "refresh"}, "must be id or access"),
    ],
)
def test_contradicting_settings_are_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sign_in_settings.check(environment)


def test_the_web_ui_does_not_start_with_a_shared_identity() -> None:
    environment = {**os.environ, **OWN, "UI_BEARER_TOKEN": "secret-token"}

    process = subprocess.run(
        [sys.executable, "-m", "ui"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert process.returncode == 2
    assert "remove it" in process.stderr
    assert "secret-token" not in process.stderr


def test_streamlit_gets_only_the_token_that_calls_and_uses_pkce() -> None:
    environment = {
        **OWN, "UI_URL": "https://ui.example", "UI_ISSUER": "https://issuer.example", "UI_CLIENT_ID": "client",
        "UI_CLIENT_SECRET": "secret", "UI_COOKIE_SECRET": "cookie",
    }  # fmt: skip

    _, file = sign_in_settings.streamlit_options(environment)

    settings = tomllib.loads(Path(file).read_text("utf-8"))["auth"]
    assert settings["expose_tokens"] == "id"
    assert settings["client_kwargs"]["code_challenge_method"] == "S256"


@pytest.mark.parametrize(
    "token",
    [
        None,
        "opaque",
        token_of({**ANA, "exp": "soon"}),
        token_of(ANA),
        token_of({**ANA, "sub": "ben", "exp": 9e9}),
        token_of({**ANA, "iss": "https://other.example", "exp": 9e9}),
    ],
)
def test_only_the_users_own_token_is_used(token: str | None) -> None:
    assert own_token.read(ANA, token) is None


def test_claims_without_a_subject_match_no_token() -> None:
    assert own_token.read({}, token_of({"exp": 9e9})) is None


def test_an_expired_token_is_never_sent() -> None:
    token = own_token.read(ANA, token_of({**ANA, "exp": time.time() - 1}))

    assert token is not None
    with pytest.raises(SignInExpired):
        token()


def test_a_token_is_not_in_its_representation() -> None:
    value = token_of({**ANA, "exp": time.time() + 60})
    token = own_token.read(ANA, value)

    assert token is not None
    assert token() == value
    assert value not in repr(token)


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    fake = FakeIssuer()
    yield fake
    fake.close()


@pytest.fixture
def people(issuer: FakeIssuer) -> Iterator[FakeApi]:
    """APIs that accept the issuer's tokens. Each user has their own data."""
    fake = FakeApi(services())
    own: dict[str, dict[str, Any]] = {}

    class Users(dict[str, Any]):
        def __contains__(self, token: object) -> bool:
            return any(token == issued for _, issued in issuer.tokens)

        def __getitem__(self, token: str) -> dict[str, Any]:
            user = next(user for user, issued in issuer.tokens if issued == token)
            if user not in own:
                own[user] = services()
                for service in own[user].values():
                    service.url = fake.url
            return own[user]

    fake.users = Users()
    yield fake
    fake.close()


@pytest.fixture
def own_server(people: FakeApi, issuer: FakeIssuer, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of a web UI whose users call with their own tokens, and its log."""
    port = unused_port()
    url, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    stage = tmp_path / "stage"
    stage.mkdir()
    environment = {
        **os.environ, **OWN, "UI_URL": url, "UI_ISSUER": issuer.url, "UI_CLIENT_ID": CLIENT_ID,
        "UI_CLIENT_SECRET": CLIENT_SECRET, "UI_COOKIE_SECRET": "c" * 64,
        "UI_STAGE_FOLDER": str(people.write_stage(stage)),
    }  # fmt: skip
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ui", "--port", str(port)], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            wait_until_healthy(url)
            yield url, log
        finally:
            process.terminate()
            process.wait(10)


def sign_in(session: BrowserSession, user: str) -> None:
    page = session.page
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_role("link", name=user).click()
    page.get_by_role("button", name="Sign out").wait_for()
    session.wait_until_idle()


def test_an_expired_token_is_not_sent_and_signing_in_again_continues(
    own_server: tuple[str, Path], people: FakeApi, issuer: FakeIssuer, chromium_browser: Any
) -> None:
    # Streamlit accepts tokens that expired less than two minutes ago.
    issuer.lifetime = -30.0
    session = BrowserSession(chromium_browser, own_server[0])
    try:
        page = session.open("hr-qa")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="ana").click()
        page.get_by_text("Your sign-in has expired").wait_for()
        session.wait_until_idle()
        assert len(issuer.tokens) == 1
        assert people.calls == []

        issuer.lifetime = 3600.0
        sign_in(session, "ana")
        # Back on the page that the user wanted.
        page.get_by_role("heading", level=1, name="HR questions").wait_for()
        session.open("summarization")
        assert {call.authorization for call in people.calls} == {f"Bearer {issuer.tokens[1][1]}"}
    finally:
        session.close()


def test_the_issuer_of_the_tests_refuses_a_code_with_another_verifier(issuer: FakeIssuer) -> None:
    query = {
        "code_challenge_method": "S256", "code_challenge": "challenge", "state": "s", "user": "ana",
        "redirect_uri": "http://localhost/",
    }  # fmt: skip
    _, _, headers = issuer.authorize(query)
    code = headers["Location"].split("code=")[1].split("&")[0]
    client = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()

    status, _ = issuer.exchange({"code": code, "code_verifier": "wrong"}, f"Basic {client}")

    assert status == 400
    assert issuer.authorize({"user": "ana"})[0] == 400


def test_the_same_user_gets_running_work_back_after_signing_in_again() -> None:
    tabs = tab_state._Tabs()
    left, other_window = tabs.open(None, "ana"), tabs.open(None, "ana")
    left.left = True

    assert tabs.open(None, "ben") not in (left, other_window)
    assert tabs.open(None, "ana") is left
    # It is in use again: another window gets a new one.
    assert tabs.open(None, "ana") not in (left, other_window)


def test_tabs_are_forgotten_after_a_day_of_work_and_when_there_are_many() -> None:
    tabs = tab_state._Tabs()
    old = tabs.open(None, "ana")
    old.used -= tab_state._MAX_AGE_SECONDS + 1
    assert tabs.open(old.id, "ana") is not old

    first, second = (tabs.open(None, "ana") for _ in range(2))
    for _ in range(tab_state._MAX_TABS - 3):
        tabs.open(None, "ben")
    assert tabs.open(first.id, "ana") is first
    tabs.open(None, "ben")

    assert tabs.open(first.id, "ana") is first
    assert tabs.open(second.id, "ana") is not second


def test_a_tab_is_kept_only_for_a_user_who_can_be_known_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tab = tab_state._Tab("id", owner=" ")
    monkeypatch.setattr(tab_state, "_tab", lambda: tab)

    for user, left in (({}, False), (ANA, True)):
        monkeypatch.setattr(tab_state.st, "user", user)
        tab_state.leave()
        assert tab.left is left


def test_a_copied_address_opens_nobody_elses_tab() -> None:
    tabs = tab_state._Tabs()
    of_ana = tabs.open(None, "issuer ana")

    assert tabs.open(of_ana.id, "issuer ana") is of_ana
    assert tabs.open(of_ana.id, "issuer ben") is not of_ana
    assert tabs.open(of_ana.id, "other-issuer ana") is not of_ana
    assert tabs.open("an id of ben's choice", "issuer ben").id != "an id of ben's choice"


def test_the_same_subject_of_another_issuer_is_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = set()
    for issuer in ("https://a.example", "https://b.example"):
        monkeypatch.setattr(tab_state.st, "user", {"iss": issuer, "sub": "ana"})
        owners.add(tab_state.owner())

    assert len(owners) == 2


@pytest.mark.parametrize("token", [None, OwnToken("a.b.c", expiry=1.0)], ids=["none", "expired"])
def test_without_a_valid_token_nothing_is_shown_or_requested(
    monkeypatch: pytest.MonkeyPatch, api: FakeApi, token: OwnToken | None
) -> None:
    monkeypatch.setenv("UI_API_TOKEN", "id")
    monkeypatch.setattr(own_token, "current", lambda: token)
    claims = {"is_logged_in": True, "exp": time.time() + 600}

    test = run_app(monkeypatch, claims, UI_SIGN_IN="oidc", UI_URL="https://ui.example")

    assert "Your sign-in has expired" in test.info[0].value
    assert api.calls == []


def test_an_expired_sign_in_keeps_the_tab_for_the_next_one(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    left: list[str] = []
    monkeypatch.setenv("UI_API_TOKEN", "id")
    monkeypatch.setattr(own_token, "current", lambda: None)
    monkeypatch.setattr(tab_state, "leave", lambda: left.append("tab"))
    monkeypatch.setattr(own_token.st, "login", lambda: left.append("page"))
    claims = {"is_logged_in": True, "exp": time.time() + 600}

    run_app(monkeypatch, claims, UI_SIGN_IN="oidc", UI_URL="https://ui.example")
    assert left == ["tab"]

    # With the button of a page that the API has refused the token to.
    own_token.sign_in_again()
    assert left == ["tab", "tab", "page"]


def test_the_process_itself_has_no_credentials(api: FakeApi) -> None:
    environment = {**OWN, "UI_STAGE_FOLDER": os.environ["UI_STAGE_FOLDER"]}

    client = Client(stage.read(environment))

    with pytest.raises(Failure) as error:
        client.get("summarization", "/summaries")
    assert error.value.code == "no_credentials"
    assert api.calls == []


def test_each_user_calls_with_their_own_token_and_sees_only_their_own_lists(
    own_server: tuple[str, Path], people: FakeApi, issuer: FakeIssuer, chromium_browser: Any
) -> None:
    url, log = own_server
    ana, ben = (BrowserSession(chromium_browser, url) for _ in range(2))
    try:
        for session in (ana, ben):
            session.open()
        assert people.calls == []

        # Ana stores a report, and sees it.
        sign_in(ana, "ana")
        page = ana.open("summarization")
        page.get_by_role("textbox").first.fill("The pump of line seven lost pressure at six.")
        page.get_by_role("button", name="Write", exact=False).first.click()
        ana.wait_for(lambda: any(call.method == "POST" for call in people.calls))
        ana.wait_until_idle()
        page = ana.open("summarization")
        assert "line seven" in page.get_by_role("main").inner_text()
        by_ana = len(people.calls)
        assert {call.authorization for call in people.calls} == {f"Bearer {issuer.tokens[0][1]}"}

        # Ben's session, in the same process and within the caches' age, reads with his token.
        sign_in(ben, "ben")
        page = ben.open("summarization")
        assert {call.authorization for call in people.calls[by_ana:]} == {f"Bearer {issuer.tokens[1][1]}"}
        assert [user for user, _ in issuer.tokens] == ["ana", "ben"]
        assert "line seven" not in page.content()
        assert any(call.path == "/summaries" for call in people.calls[by_ana:])

        # Tokens are neither in pages and their addresses nor in logs.
        for session, (_, token) in zip((ana, ben), issuer.tokens, strict=True):
            assert token not in session.page.content()
            assert token not in session.page.url
            assert token not in log.read_text()

        # The API refuses the token: the page offers to sign in again.
        issuer.tokens.remove(issuer.tokens[1])
        page = ben.open("usage")
        page.get_by_role("button", name="Sign in again").wait_for()

        ana.page.get_by_role("button", name="Sign out").click()
        ana.page.get_by_role("button", name="Sign in").wait_for()
        assert issuer.signed_out == 1
    finally:
        ana.close()
        ben.close()


def test_caches_of_all_sessions_have_a_key_for_each_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tab_state.st, "user", ANA)
    assert ui_session.caller() == ""

    monkeypatch.setenv("UI_API_TOKEN", "id")
    of_ana = ui_session.caller()
    monkeypatch.setattr(tab_state.st, "user", {**ANA, "sub": "ben"})
    assert len({"", of_ana, ui_session.caller()}) == 3


def test_a_session_calls_with_the_token_of_the_last_sign_in(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    monkeypatch.setenv("UI_API_TOKEN", "id")
    monkeypatch.setattr(ui_session.st, "session_state", {})
    clients = []
    for value in ("first", "first", "second"):
        monkeypatch.setattr(own_token, "current", lambda value=value: OwnToken(value, expiry=9e9))
        clients.append(ui_session.client())

    assert clients[0] is clients[1] is not clients[2]

    monkeypatch.setattr(own_token, "current", lambda: None)
    with pytest.raises(Failure) as error:
        ui_session.client()
    assert error.value.code == "signed_out"


class _Models:
    """A client that lists one model."""

    def __init__(self, model: str) -> None:
        self.model = {"id": model, "name": model}

    def get(self, use_case: str, path: str) -> dict[str, Any]:
        return {"items": [self.model]}

    def download(self, url: str) -> bytes:
        return str(self.model["id"]).encode()


def test_caches_of_all_sessions_are_kept_per_user(monkeypatch: pytest.MonkeyPatch) -> None:
    models, files = [], []
    for user in ("ana", "ben"):
        monkeypatch.setattr(model_names, "caller", lambda user=user: user)
        for module in (model_names, hr_answer):
            monkeypatch.setattr(module, "client", lambda user=user: _Models(f"model of {user}"))
        models.append([*model_names.models()])
        files.append(hr_answer._file(user, "document", "version", "https://files.example"))

    assert models == [["model of ana"], ["model of ben"]]
    assert files == [b"model of ana", b"model of ben"]
