"""The emulator with the search engine behind it, as processes, without the rest of the stage."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from dev.local import catalogue, environment, ports, tls
from dev.local.environment import Endpoint
from dev.local.paths import ROOT, Paths

LOCAL_PYTHON = Paths(ROOT).local_python
REGION = "us-east-1"
REFRESH_SECONDS = 2
EXECUTION_ROLE = f"cdk-hnb659fds-cfn-exec-role-{environment.ACCOUNT}-{REGION}"


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{environment.ACCOUNT}:role/{name}"


def _trusting(policy: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **policy}]})


@dataclass(frozen=True)
class Answer:
    status: int
    content: Any


class Emulator:
    """A running emulator. It can be killed and started again with the same state."""

    def __init__(self, folder: Path, search_port: int, models_url: str = "http://127.0.0.1:1") -> None:
        self._folder = folder
        certificates = tls.ensure(folder)
        self._endpoint = Endpoint(ports.choose(), certificates.authority, REGION)
        catalogue.write(folder / "catalogue.json")
        self._command = [
            str(LOCAL_PYTHON), "-B", "-m", "hypercorn", "dev.local.emulator:app", "--workers", "0",
            "--bind", f"127.0.0.1:{self._endpoint.port}", "--graceful-timeout", "1",
            "--certfile", str(certificates.certificate), "--keyfile", str(certificates.key),
        ]  # fmt: skip
        source = {"PATH": os.environ["PATH"], "LOCAL_SEARCH_REFRESH": f"{REFRESH_SECONDS}s"}
        self._environment = environment.for_emulator(
            self._endpoint, models_url, f"http://127.0.0.1:{search_port}", folder, folder, source
        ) | {"LOCAL_CATALOGUE": str(folder / "catalogue.json")}
        self._http = urllib3.PoolManager(ca_certs=str(certificates.authority), retries=False)
        self.start()

    def start(self) -> None:
        with (self._folder / "emulator.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        until_open(self._endpoint.port, self.process)

    def save(self) -> None:
        assert self._http.request("POST", f"{self._endpoint.url}/_local/save").status == 204

    def client(self, service: str, who: Credentials | None = None) -> Any:
        """With the keys that skip every policy unless others are given."""
        return boto3.client(
            service,
            endpoint_url=self._endpoint.url,
            region_name=REGION,
            verify=str(self._endpoint.authority),
            aws_access_key_id=who.access_key if who else environment.ROOT_KEY,
            aws_secret_access_key=who.secret_key if who else environment.ROOT_KEY,
            aws_session_token=who.token if who else None,
            config=Config(proxies={}, retries={"total_max_attempts": 1}),
        )

    def role(self, name: str, policy: dict[str, Any] | None) -> Credentials:
        """A new role's session."""
        iam = self.client("iam")
        trust = _trusting({"Principal": {"AWS": environment.ACCOUNT}, "Action": "sts:AssumeRole"})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        if policy:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_trusting(policy))
        return self.session(name)

    def session(self, name: str) -> Credentials:
        """Keys of a role. A restart forgets them: functions then get new ones."""
        made = self.client("sts").assume_role(RoleArn=role_arn(name), RoleSessionName="session")["Credentials"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    def call(
        self,
        who: Credentials | None,
        method: str,
        url: str,
        content: Any = None,
        *,
        service: str = "aoss",
        region: str = REGION,
        tampered: bytes = b"",
    ) -> Answer:
        """A request signed as the SDKs sign it. `tampered` is sent instead of what was signed."""
        lines = [json.dumps(line) for line in content] if isinstance(content, list) else [json.dumps(content)]
        body = b"" if content is None else ("\n".join(lines) + "\n").encode()
        headers = {"content-type": "application/json", "x-amz-content-sha256": sha256(body).hexdigest()}
        request = AWSRequest(method, url, headers=headers, data=body)
        if who:
            SigV4Auth(who, service, region).add_auth(request)
        assert urlsplit(url).hostname == "localhost"
        sent = self._http.request(method, url, body=tampered or body, headers=dict(request.headers.items()))
        return Answer(sent.status, json.loads(sent.data) if sent.data else None)


def until_open(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while ports.is_free(port):
        assert process.poll() is None, "it ended"
        assert time.monotonic() < until, "it does not open its port"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def search_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running engine."""
    if not LOCAL_PYTHON.exists():
        pytest.skip("`make setup-local` was not run")
    folder, port = tmp_path_factory.mktemp("engine"), ports.choose()
    command = [str(LOCAL_PYTHON), "-B", "-m", "dev.local.search", "--port", str(port), "--folder", str(folder)]
    with (folder / "log").open("wb") as log:
        # When nobody downloaded the engine yet, this does.
        process = subprocess.Popen(command, cwd=ROOT, env=environment.for_search(), stdout=log, stderr=log)
    try:
        until_open(port, process, 600)
        yield port
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def emulator(search_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("emulator"), search_port)
    running.client("iam").create_role(RoleName=EXECUTION_ROLE, AssumeRolePolicyDocument=_trusting({}))
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait(10)
