"""The emulator and the search engine as processes, without the rest of the local stage."""

import json
import os
import subprocess
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

from dev.local import catalog, environment, ports, tls
from dev.local.environment import Endpoint
from dev.local.paths import ROOT
from tests.dev.local.conftest import LOCAL_PYTHON, until_open

REGION = "us-east-1"
REFRESH_SECONDS = 2
EXECUTION_ROLE = f"cdk-hnb659fds-cfn-exec-role-{environment.ACCOUNT}-{REGION}"


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{environment.ACCOUNT}:role/{name}"


def _trusting(policy: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **policy}]})


@dataclass(frozen=True)
class Response:
    status: int
    content: Any


class Emulator:
    """A running emulator that can be killed and restarted with the same state."""

    def __init__(self, folder: Path, search_port: int, models_url: str = "http://127.0.0.1:1") -> None:
        self._folder = folder
        certificates = tls.ensure(folder)
        self._endpoint = Endpoint(ports.choose(), certificates.authority, REGION)
        catalog.write(folder / "catalog.json")
        self._command = [
            str(LOCAL_PYTHON), "-B", "-m", "hypercorn", "dev.local.emulator:app", "--workers", "0",
            "--bind", f"127.0.0.1:{self._endpoint.port}", "--graceful-timeout", "1",
            "--certfile", str(certificates.certificate), "--keyfile", str(certificates.key),
        ]  # fmt: skip
        source = {"PATH": os.environ["PATH"], "LOCAL_SEARCH_REFRESH": f"{REFRESH_SECONDS}s"}
        self._environment = environment.for_emulator(
            self._endpoint, models_url, f"http://127.0.0.1:{search_port}", folder, folder, source
        ) | {"LOCAL_CATALOG": str(folder / "catalog.json")}
        self._http = urllib3.PoolManager(ca_certs=str(certificates.authority), retries=False)
        self.start()

    def start(self) -> None:
        with (self._folder / "emulator.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        until_open(self._endpoint.port, self.process)

    @property
    def authority(self) -> str:
        """The file with the certificate that clients trust."""
        return str(self._endpoint.authority)

    def save(self) -> None:
        assert self._http.request("POST", f"{self._endpoint.url}/_local/save").status == 204

    def client(self, service: str, credentials: Credentials | None = None) -> Any:
        """A client, by default with the root keys, which bypass all policies."""
        return boto3.client(
            service,
            endpoint_url=self._endpoint.url,
            region_name=REGION,
            verify=str(self._endpoint.authority),
            aws_access_key_id=credentials.access_key if credentials else environment.ROOT_KEY,
            aws_secret_access_key=credentials.secret_key if credentials else environment.ROOT_KEY,
            aws_session_token=credentials.token if credentials else None,
            config=Config(proxies={}, retries={"total_max_attempts": 1}),
        )

    def role(self, name: str, policy: dict[str, Any] | None) -> Credentials:
        """Creates a role and returns a session's credentials."""
        iam = self.client("iam")
        trust = _trusting({"Principal": {"AWS": environment.ACCOUNT}, "Action": "sts:AssumeRole"})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        if policy:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_trusting(policy))
        return self.session(name)

    def session(self, name: str) -> Credentials:
        """Credentials for a role. They are lost on restart, and functions get new ones."""
        created = self.client("sts").assume_role(RoleArn=role_arn(name), RoleSessionName="session")["Credentials"]
        return Credentials(created["AccessKeyId"], created["SecretAccessKey"], created["SessionToken"])

    def call(
        self,
        credentials: Credentials | None,
        method: str,
        url: str,
        content: Any = None,
        *,
        service: str = "aoss",
        region: str = REGION,
        tampered: bytes = b"",
    ) -> Response:
        """Sends a signed request. `tampered` replaces the signed body."""
        lines = [json.dumps(line) for line in content] if isinstance(content, list) else [json.dumps(content)]
        body = b"" if content is None else ("\n".join(lines) + "\n").encode()
        headers = {"content-type": "application/json", "x-amz-content-sha256": sha256(body).hexdigest()}
        request = AWSRequest(method, url, headers=headers, data=body)
        if credentials:
            SigV4Auth(credentials, service, region).add_auth(request)
        assert urlsplit(url).hostname == "localhost"
        response = self._http.request(method, url, body=tampered or body, headers=dict(request.headers.items()))
        return Response(response.status, json.loads(response.data) if response.data else None)


@pytest.fixture(scope="session")
def search_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running search engine."""
    if not LOCAL_PYTHON.exists():
        pytest.skip("needs `make setup-local`")
    folder, port = tmp_path_factory.mktemp("engine"), ports.choose()
    command = [str(LOCAL_PYTHON), "-B", "-m", "dev.local.search", "--port", str(port), "--folder", str(folder)]
    with (folder / "log").open("wb") as log:
        # Downloads the engine if necessary.
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
