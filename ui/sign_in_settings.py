"""
The sign-in settings in the environment, and the files that pass them on. Runs before Streamlit starts.

`UI_SIGN_IN=oidc` requires sign-in. `UI_URL` is the web UI's URL; `UI_ISSUER`, `UI_CLIENT_ID` and `UI_CLIENT_SECRET`
identify the provider and the client; `UI_COOKIE_SECRET` signs the cookies. `UI_CALLER_ROLE` is the role that a
container assumes to call the APIs. `UI_API_TOKEN` is `id` or `access`: users call the APIs with that token of theirs,
and the web UI has no identity itself.
"""

import json
import os
import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path

SECRETS = ("UI_CLIENT_SECRET", "UI_COOKIE_SECRET")
_TOKENS = ("id", "access")
# What would let the web UI call the APIs as itself.
_SHARED_IDENTITY = ("UI_BEARER_TOKEN", "UI_CALLER_ROLE")
_REQUIRED = ("UI_URL", "UI_ISSUER", "UI_CLIENT_ID", *SECRETS)


def required(environment: Mapping[str, str]) -> bool:
    """Whether the web UI requires sign-in. Unknown values require it, too."""
    return environment.get("UI_SIGN_IN", "off") != "off"


def api_token(environment: Mapping[str, str]) -> str:
    """Which of the user's tokens calls the APIs; empty if all users share the web UI's identity."""
    return environment.get("UI_API_TOKEN", "")


def check(environment: Mapping[str, str]) -> None:
    """Raises `ValueError` when settings contradict each other."""
    token = api_token(environment)
    if not token:
        return
    if token not in _TOKENS:
        raise ValueError(f"UI_API_TOKEN must be {' or '.join(_TOKENS)}, the token that the stage's APIs accept")
    if not required(environment):
        raise ValueError("UI_API_TOKEN requires UI_SIGN_IN: users call the APIs with the token of their sign-in")
    shared = [name for name in _SHARED_IDENTITY if environment.get(name)]
    if shared:
        raise ValueError(f"{' and '.join(shared)} with UI_API_TOKEN: users call the APIs as themselves, so remove it")


def has_url(environment: Mapping[str, str]) -> bool:
    """Whether the web UI knows its URL, which the provider redirects to."""
    return bool(environment.get("UI_URL"))


def streamlit_options(environment: MutableMapping[str, str]) -> list[str]:
    """Streamlit's options for sign-in. Moves the secrets from the environment to a file that only this user can read.

    Raises `ValueError` when a setting is missing.
    """
    if not (required(environment) and has_url(environment)):
        return []
    missing = [name for name in _REQUIRED if not environment.get(name)]
    if missing:
        raise ValueError(f"sign-in requires {', '.join(missing)} in the environment")
    file = _write("secrets.toml", _secrets_file(environment))
    for name in SECRETS:
        del environment[name]
    return ["--secrets.files", str(file)]


def use_caller_role(environment: MutableMapping[str, str]) -> None:
    """Makes botocore assume the role `UI_CALLER_ROLE`. Logs show its session as `page`."""
    role = environment.get("UI_CALLER_ROLE")
    if role:
        lines = ("[default]", f"role_arn = {role}", "credential_source = EcsContainer", "role_session_name = page", "")
        environment["AWS_CONFIG_FILE"] = str(_write("config", "\n".join(lines)))


def _write(name: str, text: str) -> Path:
    # A new folder with mode 0700: no other user can have placed a file or a link there.
    file = Path(tempfile.mkdtemp(prefix="web-ui-")) / name
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    return file


def _secrets_file(environment: Mapping[str, str]) -> str:
    issuer = environment["UI_ISSUER"].rstrip("/")
    settings = {
        "redirect_uri": environment["UI_URL"].rstrip("/") + "/oauth2callback",
        "cookie_secret": environment["UI_COOKIE_SECRET"],
        "client_id": environment["UI_CLIENT_ID"],
        "client_secret": environment["UI_CLIENT_SECRET"],
        "server_metadata_url": f"{issuer}/.well-known/openid-configuration",
    }
    # `prompt=login` asks for the password again after signing out.
    options = {"scope": "openid email profile", "prompt": "login"}
    if api_token(environment):
        settings["expose_tokens"] = api_token(environment)
        # Streamlit uses PKCE by itself only where the discovery document names S256, which Cognito's doesn't.
        options["code_challenge_method"] = "S256"
    client_options = ", ".join(_toml(options))
    return "\n".join(["[auth]", *_toml(settings), f"client_kwargs = {{ {client_options} }}", ""])


def _toml(values: Mapping[str, str]) -> list[str]:
    # JSON strings are valid TOML.
    return [f"{name} = {json.dumps(value)}" for name, value in values.items()]
