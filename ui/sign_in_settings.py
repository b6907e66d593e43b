"""What the environment says about sign-in, and the file that tells Streamlit. Without Streamlit: it is not started yet.

`UI_SIGN_IN=oidc` asks for it. `UI_URL` is the page's address, `UI_ISSUER`, `UI_CLIENT_ID` and `UI_CLIENT_SECRET` are
the provider's, `UI_COOKIE_SECRET` signs the cookies. `UI_CALLER_ROLE` is the role that a container calls the APIs as.
"""

import json
import os
import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path

SECRETS = ("UI_CLIENT_SECRET", "UI_COOKIE_SECRET")
_NEEDED = ("UI_URL", "UI_ISSUER", "UI_CLIENT_ID", *SECRETS)


def required(environment: Mapping[str, str]) -> bool:
    """Whether the page is for those who sign in only. Anything that it does not know is taken for a yes."""
    return environment.get("UI_SIGN_IN", "off") != "off"


def known(environment: Mapping[str, str]) -> bool:
    """Whether the page has an address, so that a provider can send people back to it."""
    return bool(environment.get("UI_URL"))


def hand_over(environment: MutableMapping[str, str]) -> list[str]:
    """Streamlit's options for sign-in. Secrets are moved out of the environment into a file for this user alone."""
    if not (required(environment) and known(environment)):
        return []
    missing = [name for name in _NEEDED if not environment.get(name)]
    if missing:
        raise ValueError(f"sign-in needs {', '.join(missing)} in the environment")
    file = _write("secrets.toml", _secrets_file(environment))
    for name in SECRETS:
        del environment[name]
    return ["--secrets.files", str(file)]


def become_caller(environment: MutableMapping[str, str]) -> None:
    """Has botocore call as the role that `UI_CALLER_ROLE` names, always under one name: the APIs know callers by it."""
    role = environment.get("UI_CALLER_ROLE")
    if role:
        lines = ("[default]", f"role_arn = {role}", "credential_source = EcsContainer", "role_session_name = page", "")
        environment["AWS_CONFIG_FILE"] = str(_write("config", "\n".join(lines)))


def _write(name: str, text: str) -> Path:
    # A folder of its own (0700): what is written never lies where others could have put something before.
    file = Path(tempfile.mkdtemp(prefix="page-")) / name
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
        written.write(text)
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
    # JSON's strings are TOML's. Who signs out and leaves the browser to somebody is not signed in by one click.
    lines = ["[auth]", *(f"{name} = {json.dumps(value)}" for name, value in settings.items())]
    return "\n".join([*lines, 'client_kwargs = { scope = "openid email profile", prompt = "login" }', ""])
