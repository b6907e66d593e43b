"""The user's AWS settings never reach the local stage."""

from pathlib import Path

from dev.local import environment
from dev.local.environment import Endpoint

ENDPOINT = Endpoint(4567, Path("/ca.pem"), "eu-west-1")
MACHINE = {
    "PATH": "/usr/bin",
    "HOME": "/home/user",
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "secret",
    "AWS_CA_BUNDLE": "/etc/ssl/company.pem",
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "REQUESTS_CA_BUNDLE": "/etc/ssl/company.pem",
    "NODE_EXTRA_CA_CERTS": "/etc/ssl/company.pem",
    "HTTPS_PROXY": "http://proxy:3128",
    "NO_PROXY": "internal",
    "UV_INDEX_URL": "https://packages.example",
    "DOCKER_HOST": "tcp://elsewhere",
}


def test_the_emulator_does_not_inherit_the_users_aws_settings(tmp_path: Path) -> None:
    variables = environment.for_emulator(
        ENDPOINT, "http://127.0.0.1:1", "http://127.0.0.1:2", tmp_path, tmp_path, MACHINE
    )
    assert (
        not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTPS_PROXY", "DOCKER_HOST", "REQUESTS_CA_BUNDLE"} & variables.keys()
    )
    assert variables["AWS_CA_BUNDLE"] == "/ca.pem"
    assert variables["AWS_ENDPOINT_URL"] == "https://127.0.0.1:4567"
    assert variables["AWS_REGION"] == variables["MINISTACK_REGION"] == "eu-west-1"
    assert variables["AUTH"] == "true"
    assert variables["BIND_HOST"] == "127.0.0.1"


def test_cdk_gets_package_settings_but_no_aws_credentials() -> None:
    variables = environment.for_cdk(ENDPOINT, Path("/venv/bin"), MACHINE)
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "REQUESTS_CA_BUNDLE"} & variables.keys()
    assert variables["AWS_ACCESS_KEY_ID"] == environment.ROOT_KEY
    assert variables["NODE_EXTRA_CA_CERTS"] == variables["AWS_CA_BUNDLE"] == "/ca.pem"
    assert variables["HTTPS_PROXY"] == "http://proxy:3128"
    assert variables["UV_INDEX_URL"] == "https://packages.example"
    assert variables["NO_PROXY"] == "127.0.0.1,localhost,internal"
    assert variables["PATH"].startswith("/venv/bin:")


def test_the_region_comes_from_cdk_json(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text('{"context": {"stages": {"local": {"region": "eu-west-1"}}}}', encoding="utf-8")
    assert environment.region(tmp_path) == "eu-west-1"
    assert environment.region(tmp_path / "missing") == environment.DEFAULT_REGION
