"""The local stage: starts its services in order, deploys the stacks, and writes the files for callers."""

import fcntl
import json
import os
import shutil
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dev.local import catalog, environment, identities, ports, tls
from dev.local.deployment import Deployment, fingerprint, local_outputs, use_case_urls
from dev.local.environment import Endpoint
from dev.local.errors import LocalError
from dev.local.paths import Paths, write_private
from dev.local.processes import Process

EMULATOR, MODELS, SEARCH, WEB_UI, ISSUER = "emulator", "models", "search", "web-ui", "issuer"
# In startup order; they stop in reverse order.
SERVICES = (SEARCH, MODELS, ISSUER, EMULATOR, WEB_UI)
# Of the local issuer's tokens.
AUDIENCE = "bedrock-endpoints"
DISCOVERY_PATH = "/.well-known/openid-configuration"
ISSUER_USERS = ({"sub": "ana", "email": "ana@example.com"}, {"sub": "rui", "email": "rui@example.com"})
# Without the launcher's modules: a change to them must not restart the services.
_EMULATOR_SOURCES = tuple(
    f"dev/local/{name}"
    for name in (
        "access_log.py",
        "bedrock.py",
        "catalog.py",
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
# The engine responds before its indices are open.
_SEARCH_READY = "/_cluster/health?wait_for_status=yellow&timeout=1s"
_WEB_UI_SOURCES = ("ui",)
_COMMON_SOURCES = ("uv.lock", "dev/local/environment.py")


class Stage:
    """One local stage in one project folder."""

    def __init__(self, paths: Paths, report: Callable[[str], None]) -> None:
        self._paths = paths
        self._report = report
        self._processes = {name: Process(name, paths.pids, paths.logs) for name in SERVICES}

    def up(self) -> None:
        """Starts stopped services, deploys changes, and prints example calls. Raises `LocalError`."""
        self._paths.make()
        with self._locked():
            self._check_tools()
            for process in self._processes.values():
                if not process.running():
                    # Descendants of a killed process still hold its port.
                    process.stop()
            self._check_port()
            chosen = ports.settle(self._paths.ports, list(SERVICES), lambda name: bool(self._processes[name].running()))
            certificates = tls.ensure(self._paths.tls)
            endpoint = Endpoint(chosen[EMULATOR], certificates.authority, environment.region(self._paths.root))
            catalog.write(self._paths.home / "catalog.json")
            self._start_services(endpoint, certificates, chosen)
            keys = identities.ensure(self._client("iam", endpoint), self._paths.callers)
            outputs = self._deploy(endpoint, issuer_url(chosen[ISSUER]))
            urls = self._write_for_callers(endpoint, chosen, keys, outputs)
            self._load_samples(urls)
            self._save(endpoint)
            self._start_web_ui(chosen[WEB_UI])
            for use_case, url in urls.items():
                self._report(f"{use_case}: {url}")
            self._report("try:\n" + example(urls))
            if self._processes[WEB_UI].running():
                self._report(f"or open the web UI: http://localhost:{chosen[WEB_UI]}")

    def _check_port(self) -> None:
        """The queues of the saved state have the emulator's port in their addresses: with another one, none is read."""
        port = ports.read(self._paths.ports).get(EMULATOR)
        has_state = self._paths.state.is_dir() and any(self._paths.state.iterdir())
        if port and has_state and not self._processes[EMULATOR].running() and not ports.is_free(port):
            raise LocalError(
                f"another program uses port {port}, which the queues of the saved state have in their addresses: "
                "stop that program, or delete the state with `make local-reset`"
            )

    def stop(self) -> None:
        """Stops all services and keeps their state."""
        if not self._paths.home.exists():
            self._report("nothing is running")
            return
        with self._locked():
            self._stop()

    def reset(self) -> None:
        """Stops all services and deletes all files."""
        if not self._paths.home.exists():
            self._report("nothing to delete")
            return
        with self._locked():
            self._stop()
            shutil.rmtree(self._paths.home)
            self._report("deleted .local/")

    def status(self) -> bool:
        """Prints the services' states and memory. Returns whether all of them run."""
        saved_ports = ports.read(self._paths.ports)
        total = 0
        for name, process in self._processes.items():
            running, memory = process.running(), process.memory()
            total += memory
            state = f"pid {running.pid}, port {saved_ports.get(name)}, {memory // 2**20} MB" if running else "stopped"
            self._report(f"{name}: {state}")
        if total:
            self._report(f"total memory: {total // 2**20} MB")
        return all(process.running() for process in self._processes.values())

    def _stop(self) -> None:
        for name in reversed(SERVICES):
            if self._processes[name].stop():
                self._report(f"{name} stopped")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._paths.lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as failure:
                raise LocalError("another `local` command is running here; wait until it finishes") from failure
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
        # Start all services before waiting for any of them.
        started = self._ensure(SEARCH, search_command, environment.for_search(), _SEARCH_SOURCES)
        started |= self._ensure(MODELS, models_command, models_environment, _MODELS_SOURCES)
        self._ensure(ISSUER, issuer_command(self._paths.project_python, chosen[ISSUER]), environment.for_project(), ())
        started |= self._ensure_emulator(endpoint, certificates, models_url, search_url)
        trust = _trust(certificates.authority)
        self._processes[EMULATOR].wait(lambda: _responds(f"{endpoint.url}/_ministack/health", trust), 60)
        self._processes[MODELS].wait(lambda: _responds(f"{models_url}/health", None), 60)
        self._processes[SEARCH].wait(lambda: _responds(search_url + _SEARCH_READY, None), _SEARCH_SECONDS)
        self._processes[ISSUER].wait(lambda: _responds(issuer_url(chosen[ISSUER]) + DISCOVERY_PATH, None), 60)
        if started:
            self._report("emulator, models, and search are ready")

    def _start_web_ui(self, port: int) -> None:
        """Starts the web UI last: it reads the files written for callers."""
        if not self._paths.project_python.exists():
            self._report("no web UI; run `make setup`")
            return
        # The web UI reads the outputs at startup only, so changed URLs require a restart.
        written = fingerprint(self._paths.home, ("outputs.json", "env"))
        command = [str(self._paths.project_python), "-m", "ui", "--stage", "local", "--port", str(port)]
        self._ensure(WEB_UI, command, environment.for_project(), _WEB_UI_SOURCES, written)
        self._processes[WEB_UI].wait(lambda: _responds(f"http://{ports.LOOPBACK}:{port}/_stcore/health", None), 60)

    def _ensure_emulator(
        self, endpoint: Endpoint, certificates: tls.Certificates, models_url: str, search_url: str
    ) -> bool:
        temporary = self._paths.home / "tmp"
        if not self._processes[EMULATOR].running():
            # Functions' unpacked packages are never deleted by the emulator.
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
            "LOCAL_CATALOG": str(self._paths.home / "catalog.json"),
        }
        catalog_version = (self._paths.home / "catalog.json").read_text(encoding="utf-8")
        return self._ensure(EMULATOR, command, settings, _EMULATOR_SOURCES, catalog_version)

    def _ensure(
        self, name: str, command: list[str], settings: dict[str, str], sources: tuple[str, ...], *more: str
    ) -> bool:
        """Starts a service unless it runs with the same code and settings. Returns whether it was started."""
        process = self._processes[name]
        code = fingerprint(self._paths.root, (*sources, *_COMMON_SOURCES))
        # Only relevant settings: a changed TERM or LANG must not restart the service.
        relevant = {key: text for key, text in settings.items() if key.startswith(("AWS_", "LOCAL_", "S3_", "STATE_"))}
        version = fingerprint_text(code, *command, json.dumps(relevant, sort_keys=True), *more)
        running = process.running()
        if running and running.version == version:
            return False
        if running:
            self._report(f"{name} changed; restarting it")
        process.stop()
        if process.log.exists():
            process.log.replace(process.log.with_suffix(".log.old"))
        process.start(command, settings, self._paths.root, version)
        self._report(f"{name} started (pid {process.started().pid})")  # type: ignore[union-attr]
        return True

    def _client(self, service: str, endpoint: Endpoint) -> Any:
        # Lazy import: `status` and `stop` do not need it.
        import boto3

        for name in [name for name in os.environ if name.startswith("AWS_")]:
            # The user's profile and region must not apply here.
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

    def _deploy(self, endpoint: Endpoint, issuer: str) -> dict[str, dict[str, str]]:
        # node, uv, and the CDK application's interpreter are in the same folder as this Python.
        settings = environment.for_cdk(endpoint, Path(sys.executable).parent)
        overrides = {
            "auth": {"issuers": [{"url": issuer, "audiences": [AUDIENCE], "nameClaim": "email"}], "apiKeys": True},
            "callerData": True,
        }
        deployment = Deployment(self._paths, settings, self._client("cloudformation", endpoint), overrides)
        if deployment.is_current():
            self._report("no changes since the last deployment")
            return deployment.outputs()
        if deployment.bootstrap():
            self._report("bootstrapped")
        self._create_source_buckets(endpoint)
        self._report("deploying (cdk deploy --all; .local/logs/cdk-deploy.log)")
        deployment.deploy()
        self._report("deployed")
        return deployment.outputs()

    def _create_source_buckets(self, endpoint: Endpoint) -> None:
        """Creates the buckets of HR Q&A's sources, which on AWS exist before the stage."""
        context = json.loads((self._paths.root / "cdk.json").read_text(encoding="utf-8"))["context"]
        sources = context["stages"]["local"].get("hrQa", {}).get("sources", [])
        for bucket in {source["bucket"] for source in sources}:
            s3 = self._client("s3", endpoint)
            if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
                location = {"CreateBucketConfiguration": {"LocationConstraint": endpoint.region}}
                # S3's own region is the one that may not be named.
                s3.create_bucket(Bucket=bucket, **({} if endpoint.region == "us-east-1" else location))
            s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
            )

    def _save(self, endpoint: Endpoint) -> None:
        if not _responds(f"{endpoint.url}/_local/save", _trust(endpoint.authority), method="POST", seconds=30):
            self._report("the emulator could not save its state; it saves it again when it stops")

    def _write_for_callers(
        self,
        endpoint: Endpoint,
        chosen: dict[str, int],
        keys: dict[str, dict[str, str]],
        outputs: dict[str, dict[str, str]],
    ) -> dict[str, str]:
        """Writes the files for callers and returns the use cases' URLs."""
        port = chosen[EMULATOR]
        converted = local_outputs(outputs, port)
        write_private(self._paths.outputs, json.dumps(converted, indent=2) + "\n")
        ssm = self._client("ssm", endpoint)
        urls = use_case_urls(ssm, port)
        more = {token_variable(name): url for name, url in use_case_urls(ssm, port, "token-url").items()}
        more["ISSUER_URL"] = issuer_url(chosen[ISSUER])
        write_private(self._paths.env, env_file(endpoint, keys["caller"], urls, more))
        return urls

    def _load_samples(self, urls: dict[str, str]) -> None:
        if "hr-qa" not in urls:
            return
        # Lazy import: `status` and `stop` do not need it.
        from bedrock_endpoints import Client, local_stage
        from dev.local import samples

        with Client(local_stage(self._paths.home)) as client:
            samples.load(self._paths.root, client, self._report)


def issuer_url(port: int) -> str:
    """The identifier of the local stage's OpenID Connect issuer."""
    return f"http://localhost:{port}"


def issuer_command(python: Path, port: int) -> list[str]:
    """Starts the issuer. Anyone on this machine may sign in to it as anybody, like its other services."""
    users = (json.dumps(claims) for claims in ISSUER_USERS)
    options = [option for user in users for option in ("--user-claims", user)]
    return [str(python), "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), *options]


def fingerprint_text(*parts: str) -> str:
    """A hash that identifies a service's code and settings."""
    import hashlib

    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def variable(use_case: str) -> str:
    """The environment variable of a use case's URL."""
    return use_case.upper().replace("-", "_") + "_URL"


def token_variable(use_case: str) -> str:
    """The environment variable of the URL that a use case's callers with tokens and keys use."""
    return variable(use_case).replace("_URL", "_TOKEN_URL")


def env_file(
    endpoint: Endpoint, caller: dict[str, str], urls: dict[str, str], more: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The contents of `.local/env`: variables for callers; unsets conflicting settings of the user."""
    exports = {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_CA_BUNDLE": str(endpoint.authority),
        "CURL_CA_BUNDLE": str(endpoint.authority),
        "AWS_REGION": endpoint.region,
        "AWS_DEFAULT_REGION": endpoint.region,
        "AWS_ACCESS_KEY_ID": caller["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": caller["secretAccessKey"],
        **{variable(use_case): url for use_case, url in urls.items()},
        **more,
    }
    lines = ["# Written by `make local`. The keys are valid on this machine only."]
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
    """An example call to the first deployed use case."""
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


def _responds(url: str, trust: ssl.SSLContext | None, method: str = "GET", seconds: float = 2) -> bool:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if trust:
        handlers.append(urllib.request.HTTPSHandler(context=trust))
    opener = urllib.request.build_opener(*handlers)
    try:
        request = urllib.request.Request(url, method=method)  # noqa: S310 (loopback)
        with opener.open(request, timeout=seconds) as response:
            return bool(response.status < 300)
    except OSError:
        return False


def clock() -> Callable[[str], None]:
    """A print function that prefixes each line with the seconds since its creation."""
    started_at = time.monotonic()
    return lambda text: print(f"[{time.monotonic() - started_at:5.1f} s] {text}", flush=True)
