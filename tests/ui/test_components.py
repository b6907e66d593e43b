"""The components of pages."""

import json
import shlex
import subprocess

import msgspec

from bedrock_endpoints import Stage
from bedrock_endpoints.auth import Bearer, SigV4
from lambda_src.shared.schemas import Text
from ui.components import MAX_CHARACTERS, plain
from ui.details import curl

URL = "https://abc.execute-api.eu-central-1.amazonaws.com/v1/"
ON_AWS = Stage("dev", {"image-generation": URL}.__getitem__, SigV4(lambda: None))


def _arguments(script: str) -> list[str]:
    """The arguments that a shell passes to curl."""
    command = script.replace("curl ", "printf '%s\\0' curl ", 1)
    keys = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK", "AWS_SESSION_TOKEN": "ST"}
    printed = subprocess.run(
        ["bash", "-uc", command],
        env={**keys, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return printed.stdout.split("\0")[:-1]


def test_a_shell_parses_the_command_into_the_request() -> None:
    body = {"prompt": 'It\'s "loud" $HOME `id` \\ é', "count": 2}
    arguments = _arguments(curl(ON_AWS, "image-generation", "POST", "/images", body))
    assert json.loads(arguments[arguments.index("-d") + 1]) == body
    assert arguments[arguments.index("--user") + 1] == "AK:SK"
    assert arguments[-1] == f"{URL}images"


def test_the_command_contains_no_secrets() -> None:
    local = Stage("local", {"embeddings": "https://localhost/"}.__getitem__, Bearer("secret-token"), "us-west-2")
    command = curl(local, "embeddings", "POST", "/embeddings", {"texts": ["a"]})
    assert "secret-token" not in command
    assert shlex.split(command.splitlines()[0]) == ["source", ".local/env"]


def test_photos_are_shortened() -> None:
    command = curl(ON_AWS, "image-generation", "POST", "/images", {"photos": [{"data": "A" * 5000}]})
    assert "<base64>" in command
    assert len(command) < 600


def test_markdown_is_escaped() -> None:
    assert plain("**a** [b](c)\n$d$") == r"\*\*a\*\* \[b\]\(c\) \$d\$"


def test_the_longest_text_is_the_apis() -> None:
    assert msgspec.json.schema(Text)["maxLength"] == MAX_CHARACTERS
