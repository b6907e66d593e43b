"""The local stage as a whole: what runs, in which order, and what is written for its callers."""

import fcntl
import json
import os
import shutil
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.local import catalogue, environment, identities, ports, tls
from dev.local.deployment import Deployment, fingerprint, local_outputs, use_case_urls
from dev.local.environment import Endpoint
from dev.local.errors import LocalError
from dev.local.paths import Paths, write_private
from dev.local.processes import Process

EMULATOR, MODELS, SEARCH, PAGE = "emulator", "models", "search", "page"
# In the order of starting; they are stopped in the other one.
SERVICES = (SEARCH, MODELS, EMULATOR, PAGE)
# The launcher's own modules do not run in the services: a change there must not restart them.
_EMULATOR_SOURCES = tuple(
    f"dev/local/{name}"
    for name in (
        "access_log.py",
        "bedrock.py",
        "catalogue.py",
        "cloudformation.py",
        "emulator.py",
        "eventstream.py",
        "gateway.py",
        "iam.py",
        "s3.py",
        "search",
        "seams.py",
        "streaming.py",
        "textract.py",
    )
)
_MODELS_SOURCES = ("dev/local/models", "dev/local/eventstream.py")
_SEARCH_SOURCES = tuple(f"dev/local/search/{name}.py" for name in ("__main__", "distribution", "process"))
# The first start downloads 200 MB.
_SEARCH_SECONDS = 1200.0
# It answers before it has opened its indices.
_SEARCH_READY = "/_cluster/health?wait_for_status=yellow&timeout=1s"
_PAGE_SOURCES = ("ui",)
_COMMON_SOURCES = ("uv.lock", "dev/local/environment.py")


class Stage:
    """One local stage in one project folder."""

    def __init__(self, paths: Paths, say: Callable[[str], None]) -> None:
        self._paths = paths
        self._say = say
        self._processes = {name: Process(name, paths.pids, paths.logs) for name in SERVICES}

    def up(self) -> None:
        """Start what does not run, deploy what changed, and say how to call it. Raises `LocalError`."""
        self._paths.make()
        with self._locked():
            self._check_tools()
            for process in self._processes.values():
                if not process.running():
                    # What a killed process left behind still holds its port.
                    process.stop()
            chosen = ports.settle(self._paths.ports, list(SERVICES), lambda name: bool(self._processes[name].running()))
            certificates = tls.ensure(self._paths.tls)
            endpoint = Endpoint(chosen[EMULATOR], certificates.authority, environment.region(self._paths.root))
            catalogue.write(self._paths.home / "catalogue.json")
            self._start_services(endpoint, certificates, chosen)
            keys = identities.ensure(self._client("iam", endpoint), self._paths.callers)
            outputs = self._deploy(endpoint)
            urls = self._write_for_callers(endpoint, chosen, keys, outputs)
            self._load_samples(urls)
            self._save(endpoint)
            self._start_page(chosen[PAGE])
            for use_case, url in urls.items():
                self._say(f"{use_case}: {url}")
            self._say("try:\n" + example(urls))
            if self._processes[PAGE].running():
                self._say(f"or in a browser: http://localhost:{chosen[PAGE]}")

    def stop(self) -> None:
        """End every process; the state stays."""
        if not self._paths.home.exists():
            self._say("nothing runs")
            return
        with self._locked():
            self._stop()

    def reset(self) -> None:
        """End every process and forget everything."""
        if not self._paths.home.exists():
            self._say("nothing to delete")
            return
        with self._locked():
            self._stop()
            shutil.rmtree(self._paths.home)
            self._say("deleted .local/")

    def status(self) -> bool:
        """Say what runs, with its memory. Returns whether all of it does."""
        remembered = ports.read(self._paths.ports)
        total = 0
        for name, process in self._processes.items():
            running, memory = process.running(), process.memory()
            total += memory
            state = f"pid {running.pid}, port {remembered.get(name)}, {memory // 2**20} MB" if running else "stopped"
            self._say(f"{name}: {state}")
        if total:
            self._say(f"memory in all: {total // 2**20} MB")
        return all(process.running() for process in self._processes.values())

    def _stop(self) -> None:
        for name in reversed(SERVICES):
            if self._processes[name].stop():
                self._say(f"{name} stopped")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._paths.lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as failure:
                raise LocalError("another `local` command is at work in this folder; wait until it ends") from failure
            yield

    def _check_tools(self) -> None:
        if not self._paths.local_python.exists():
            raise LocalError("the local environment is missing (.venv-local); run `make local`")

    def _start_services(self, endpoint: Endpoint, certificates: tls.Certificates, chosen: dict[str, int]) -> None:
        models_url, search_url = (f"http://{ports.LOOPBACK}:{chosen[name]}" for name in (MODELS, SEARCH))
        python = str(self._paths.local_python)
        search_command = [
            python, "-m", "dev.local.search", "--port", str(chosen[SEARCH]), "--folder", str(self._paths.search),
        ]  # fmt: skip
        models_command = [python, "-m", "dev.local.models", "--port", str(chosen[MODELS])]
        models_environment = environment.for_models(self._paths.models_log)
        # All are started before one is waited for.
        started = self._ensure(SEARCH, search_command, environment.for_search(), _SEARCH_SOURCES)
        started |= self._ensure(MODELS, models_command, models_environment, _MODELS_SOURCES)
        started |= self._ensure_emulator(endpoint, certificates, models_url, search_url)
        trust = _trust(certificates.authority)
        self._processes[EMULATOR].wait(lambda: _answers(f"{endpoint.url}/_ministack/health", trust), 60)
        self._processes[MODELS].wait(lambda: _answers(f"{models_url}/health", None), 60)
        self._processes[SEARCH].wait(lambda: _answers(search_url + _SEARCH_READY, None), _SEARCH_SECONDS)
        if started:
            self._say("emulator, models and search answer")

    def _start_page(self, port: int) -> None:
        """The page over the APIs, if it is set up. Last, as it reads what is written for callers."""
        if not self._paths.project_python.exists():
            self._say("no page in a browser: `make setup-ui` sets it up")
            return
        # It reads the outputs once, so that a changed address is a reason to start again.
        written = fingerprint(self._paths.home, ("outputs.json", "env"))
        command = [str(self._paths.project_python), "-m", "ui", "--stage", "local", "--port", str(port)]
        self._ensure(PAGE, command, environment.for_page(), _PAGE_SOURCES, written)
        self._processes[PAGE].wait(lambda: _answers(f"http://{ports.LOOPBACK}:{port}/_stcore/health", None), 60)

    def _ensure_emulator(
        self, endpoint: Endpoint, certificates: tls.Certificates, models_url: str, search_url: str
    ) -> bool:
        temporary = self._paths.home / "tmp"
        if not self._processes[EMULATOR].running():
            # Every function process that ever ran left its unpacked package here.
            shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(mode=0o700, exist_ok=True)
        command = [
            str(self._paths.local_python), "-m", "hypercorn", "dev.local.emulator:app",
            "--bind", f"{ports.LOOPBACK}:{endpoint.port}",
            "--certfile", str(certificates.certificate), "--keyfile", str(certificates.key),
            "--workers", "0", "--keep-alive", "75", "--graceful-timeout", "3",
        ]  # fmt: skip
        settings = {
            **environment.for_emulator(endpoint, models_url, search_url, self._paths.state, temporary),
            "LOCAL_CATALOGUE": str(self._paths.home / "catalogue.json"),
        }
        catalogue_version = (self._paths.home / "catalogue.json").read_text(encoding="utf-8")
        return self._ensure(EMULATOR, command, settings, _EMULATOR_SOURCES, catalogue_version)

    def _ensure(
        self, name: str, command: list[str], settings: dict[str, str], sources: tuple[str, ...], *more: str
    ) -> bool:
        """Start a service unless it runs with this code and these settings. Returns whether it was started."""
        process = self._processes[name]
        code = fingerprint(self._paths.root, (*sources, *_COMMON_SOURCES))
        # Not all settings: a terminal's TERM or LANG is no reason to start again.
        told = {key: value for key, value in settings.items() if key.startswith(("AWS_", "LOCAL_", "S3_", "STATE_"))}
        version = fingerprint_text(code, *command, json.dumps(told, sort_keys=True), *more)
        running = process.running()
        if running and running.version == version:
            return False
        if running:
            self._say(f"{name} changed; starting it again")
        process.stop()
        if process.log.exists():
            process.log.replace(process.log.with_suffix(".log.old"))
        process.start(command, settings, self._paths.root, version)
        self._say(f"{name} started (pid {process.started().pid})")  # type: ignore[union-attr]
        return True

    def _client(self, service: str, endpoint: Endpoint) -> Any:
        # Imported late: `status` and `stop` need none of it.
        import boto3

        for name in [name for name in os.environ if name.startswith("AWS_")]:
            # A profile or region of the machine's user must not decide anything here.
            del os.environ[name]
        os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        session = boto3.Session(
            aws_access_key_id=environment.ROOT_KEY,
            aws_secret_access_key=environment.ROOT_KEY,
            region_name=endpoint.region,
        )
        from botocore.config import Config

        return session.client(
            service,
            endpoint_url=endpoint.url,
            verify=str(endpoint.authority),
            config=Config(proxies={}, retries={"total_max_attempts": 2}, connect_timeout=3, read_timeout=30),
        )

    def _deploy(self, endpoint: Endpoint) -> dict[str, dict[str, str]]:
        # The programs beside this Python: node, uv and the application's own interpreter.
        settings = environment.for_cdk(endpoint, Path(sys.executable).parent)
        deployment = Deployment(self._paths, settings, self._client("cloudformation", endpoint))
        if deployment.is_current():
            self._say("nothing changed since the last deployment")
            return deployment.outputs()
        if deployment.bootstrap():
            self._say("bootstrapped")
        self._say("deploying (cdk deploy --all; .local/logs/cdk-deploy.log)")
        deployment.deploy()
        self._say("deployed")
        return deployment.outputs()

    def _save(self, endpoint: Endpoint) -> None:
        if not _answers(f"{endpoint.url}/_local/save", _trust(endpoint.authority), method="POST", seconds=30):
            self._say("the emulator did not save its state now; it will when it is stopped")

    def _write_for_callers(
        self,
        endpoint: Endpoint,
        chosen: dict[str, int],
        keys: dict[str, dict[str, str]],
        outputs: dict[str, dict[str, str]],
    ) -> dict[str, str]:
        """Writes what callers need, and returns the use cases' URLs."""
        port = chosen[EMULATOR]
        shown = local_outputs(outputs, port)
        write_private(self._paths.outputs, json.dumps(shown, indent=2) + "\n")
        urls = use_case_urls(self._client("ssm", endpoint), port)
        write_private(self._paths.env, env_file(endpoint, keys["caller"], urls))
        return urls

    def _load_samples(self, urls: dict[str, str]) -> None:
        if "hr-qa" not in urls:
            return
        # Imported late: `status` and `stop` need none of it.
        from bedrock_endpoints import Client, local_stage
        from dev.local import samples

        with Client(local_stage(self._paths.home)) as client:
            samples.load(self._paths.root, client, self._say)


def fingerprint_text(*parts: str) -> str:
    """A hash over texts, for what a service was started with."""
    import hashlib

    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def variable(use_case: str) -> str:
    """The name of the variable that holds a use case's URL."""
    return use_case.upper().replace("-", "_") + "_URL"


def env_file(endpoint: Endpoint, caller: dict[str, str], urls: dict[str, str]) -> str:
    """What `source .local/env` sets, and what of a user's own settings it takes out of the way."""
    exports = {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_CA_BUNDLE": str(endpoint.authority),
        "CURL_CA_BUNDLE": str(endpoint.authority),
        "AWS_REGION": endpoint.region,
        "AWS_DEFAULT_REGION": endpoint.region,
        "AWS_ACCESS_KEY_ID": caller["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": caller["secretAccessKey"],
        **{variable(use_case): url for use_case, url in urls.items()},
    }
    lines = ["# Written by `make local`. The keys may call the APIs on this machine and nothing else."]
    lines.append("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN")
    lines += [f"export {name}={_quoted(value)}" for name, value in exports.items()]
    lines.append('export NO_PROXY="localhost,127.0.0.1${NO_PROXY:+,$NO_PROXY}"')
    lines.append('export no_proxy="$NO_PROXY"')
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


_BODIES = {
    "hr-qa": ("questions", '{"question": "how many time leave for maternity?"}'),
    "embeddings": ("embeddings", '{"texts": ["The pump lost pressure at six."]}'),
    "image-generation": ("images", '{"prompt": "A lighthouse keeper who talks to storms"}'),
    "playground": ("completions", '{"prompt": "What does a mechanical seal do?"}'),
    "summarization": ("summaries", '{"text": "Pump 4 lost pressure at 6:10. I replaced the seal."}'),
}


def example(urls: dict[str, str]) -> str:
    """A call that works, for the first use case there is."""
    use_case = next((name for name in _BODIES if name in urls), None)
    if not use_case:
        return "  source .local/env"
    path, body = _BODIES[use_case]
    return "\n".join(
        (
            "  source .local/env",
            '  curl --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" \\',
            '    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\',
            f"    -H 'content-type: application/json' -d '{body}' \"${{{variable(use_case)}}}{path}\"",
        )
    )


def _trust(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


def _answers(url: str, trust: ssl.SSLContext | None, method: str = "GET", seconds: float = 2) -> bool:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if trust:
        handlers.append(urllib.request.HTTPSHandler(context=trust))
    opener = urllib.request.build_opener(*handlers)
    try:
        request = urllib.request.Request(url, method=method)  # noqa: S310 (loopback, made by us)
        with opener.open(request, timeout=seconds) as answer:
            return bool(answer.status < 300)
    except OSError:
        return False


def clock() -> Callable[[str], None]:
    """A printer that puts the seconds since its making before each line."""
    begun = time.monotonic()
    return lambda text: print(f"[{time.monotonic() - begun:5.1f} s] {text}", flush=True)
