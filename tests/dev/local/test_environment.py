"""A machine's own AWS settings never reach the local stage."""

from pathlib import Path

from dev.local import environment
from dev.local.environment import Endpoint

ENDPOINT = Endpoint(4567, Path("/ca.pem"), "eu-west-1")
MACHINE = {
    "PATH": "/usr/bin",
    "HOME": "/home/somebody",
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


def test_the_emulator_inherits_nothing_of_the_users_aws(tmp_path: Path) -> None:
    made = environment.for_emulator(ENDPOINT, "http://127.0.0.1:1", "http://127.0.0.1:2", tmp_path, tmp_path, MACHINE)
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTPS_PROXY", "DOCKER_HOST", "REQUESTS_CA_BUNDLE"} & made.keys()
    assert made["AWS_CA_BUNDLE"] == "/ca.pem"
    assert made["AWS_ENDPOINT_URL"] == "https://127.0.0.1:4567"
    assert made["AWS_REGION"] == made["MINISTACK_REGION"] == "eu-west-1"
    assert made["AUTH"] == "true"
    assert made["BIND_HOST"] == "127.0.0.1"


def test_cdk_may_fetch_packages_but_knows_no_account() -> None:
    made = environment.for_cdk(ENDPOINT, Path("/venv/bin"), MACHINE)
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "REQUESTS_CA_BUNDLE"} & made.keys()
    assert made["AWS_ACCESS_KEY_ID"] == environment.ROOT_KEY
    assert made["NODE_EXTRA_CA_CERTS"] == made["AWS_CA_BUNDLE"] == "/ca.pem"
    assert made["HTTPS_PROXY"] == "http://proxy:3128"
    assert made["UV_INDEX_URL"] == "https://packages.example"
    assert made["NO_PROXY"] == "127.0.0.1,localhost,internal"
    assert made["PATH"].startswith("/venv/bin:")


def test_the_region_is_the_stages(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text('{"context": {"stages": {"local": {"region": "eu-west-1"}}}}', encoding="utf-8")
    assert environment.region(tmp_path) == "eu-west-1"
    assert environment.region(tmp_path / "nowhere") == environment.DEFAULT_REGION
