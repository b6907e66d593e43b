"""Runs the CDK CLI against the emulator: bootstrap, deployment of changes, and outputs with local addresses."""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dev.local.environment import ACCOUNT
from dev.local.errors import LocalError
from dev.local.paths import Paths, write_private

# The sources of templates and packages. A change in any of them requires a deployment.
_SOURCES = ("app.py", "cdk.json", "package-lock.json", "requirements.txt", "stacks", "lambda_src")
_IGNORED = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
_EXECUTE_API = re.compile(r"^https://(?P<api>[a-z0-9]+)\.execute-api\.[a-z0-9.:-]+/(?P<rest>.*)$")
_TOOLKIT = "CDKToolkit"


def _files(root: Path, sources: Iterable[str]) -> Iterable[Path]:
    for source in sources:
        path = root / source
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (
                file
                for file in sorted(path.rglob("*"))
                if file.is_file() and not _IGNORED.intersection(file.relative_to(root).parts)
            )


def fingerprint(root: Path, sources: Iterable[str] = _SOURCES) -> str:
    """A hash of the files' names and contents."""
    digest = hashlib.sha256()
    for file in _files(root, sources):
        digest.update(str(file.relative_to(root)).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def local_url(url: str, port: int) -> str | None:
    """Converts an API's AWS URL to its local URL; None for any other text."""
    match = _EXECUTE_API.match(url)
    return f"https://localhost:{port}/_aws/execute-api/{match['api']}/{match['rest']}" if match else None


def local_outputs(outputs: Mapping[str, Mapping[str, str]], port: int) -> dict[str, dict[str, str]]:
    """CDK's outputs with local API URLs."""
    return {
        stack: {name: local_url(value, port) or value for name, value in values.items()}
        for stack, values in outputs.items()
    }


class Deployment:
    """Deploys the sources to the emulator."""

    def __init__(
        self, paths: Paths, environment: Mapping[str, str], cloudformation: Any, overrides: Mapping[str, Any]
    ) -> None:
        """`overrides` are settings of the stage in place of those in cdk.json."""
        self._paths = paths
        self._environment = environment
        self._cloudformation = cloudformation
        self._overrides = json.dumps(overrides)

    def is_current(self) -> bool:
        """Whether the sources have not changed since the last deployment and the emulator still has its stacks."""
        try:
            last = json.loads(self._paths.deployed.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if last.get("fingerprint") != fingerprint(self._paths.root):
            return False
        holds = self._stacks()
        if last.get("overrides") != self._overrides:
            return False
        return all(holds.get(stack, "").endswith("_COMPLETE") for stack in last["stacks"])

    def _stacks(self) -> dict[str, str]:
        pages = self._cloudformation.get_paginator("describe_stacks").paginate()
        stacks = {stack["StackName"]: stack["StackStatus"] for page in pages for stack in page["Stacks"]}
        return {name: status for name, status in stacks.items() if "ROLLBACK" not in status}

    def bootstrap(self) -> bool:
        """Bootstraps the environment once. Returns whether it was necessary."""
        if _TOOLKIT in self._stacks():
            return False
        # In a folder without cdk.json, the CLI bootstraps without synthesizing the application.
        region = self._environment["AWS_REGION"]
        self._cdk(self._paths.home, "bootstrap", f"aws://{ACCOUNT}/{region}")
        return True

    def deploy(self) -> None:
        """Deploys all stacks and writes CDK's outputs. Raises `LocalError`."""
        target = self._paths.home / "cdk-outputs.json"
        target.unlink(missing_ok=True)
        before = fingerprint(self._paths.root)
        self._cdk(
            self._paths.root, "deploy", "--all", "-c", "stage=local", "-c", f"settings={self._overrides}",
            "--require-approval", "never",
            "--concurrency", "3",
            "--method", "direct", "--output", str(self._paths.home / "cdk.out"), "--outputs-file", str(target),
        )  # fmt: skip
        outputs = self.outputs()
        # The fingerprint from before the deployment: changes made during it are not deployed.
        deployed = {"fingerprint": before, "overrides": self._overrides, "stacks": sorted(outputs)}
        write_private(self._paths.deployed, json.dumps(deployed, indent=2) + "\n")

    def outputs(self) -> dict[str, dict[str, str]]:
        """The last deployment's outputs, as written by CDK."""
        try:
            outputs: dict[str, dict[str, str]] = json.loads((self._paths.home / "cdk-outputs.json").read_text("utf-8"))
        except (OSError, ValueError) as failure:
            raise LocalError(f"the deployment wrote no outputs: {failure}") from failure
        return outputs

    def _cdk(self, folder: Path, command: str, *arguments: str) -> None:
        log = self._paths.logs / f"cdk-{command}.log"
        if not self._paths.cdk.exists():
            raise LocalError(f"the CDK CLI is missing ({self._paths.cdk}); run `npm ci`")
        with log.open("wb") as sink:
            completed = subprocess.run(
                [str(self._paths.cdk), command, *arguments],
                cwd=folder,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if completed.returncode:
            raise LocalError(f"cdk {command} failed: {_reason(log.read_text('utf-8', errors='replace'))}", log)


def _reason(text: str) -> str:
    """The error messages in a CDK log."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"failed|error|exception|❌", line, re.IGNORECASE)]
    return "\n  ".join((errors or lines or ["the log is empty"])[-6:])


def use_case_urls(ssm: Any, port: int, parameter: str = "url") -> dict[str, str]:
    """Maps use cases to local URLs, from the SSM parameters that the stacks publish.

    `parameter` is `url`, or `token-url` for the APIs that take tokens and keys.
    """
    prefix = "/bedrock-endpoints/local/"
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=prefix, Recursive=True)
    urls = {}
    for page in pages:
        for each in page["Parameters"]:
            use_case, _, last = each["Name"].removeprefix(prefix).partition("/")
            url = local_url(each["Value"], port) if last == parameter else None
            if url:
                urls[use_case] = url
    return dict(sorted(urls.items()))
