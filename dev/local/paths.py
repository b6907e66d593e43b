"""The local stage's files, all below `.local/` in the project's root."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Paths:
    """The files of one local stage. `root` is the project's root."""

    root: Path = ROOT

    @property
    def home(self) -> Path:
        """Everything that `reset` deletes."""
        # Resolved, so that a copy of the project that links to it shares the running processes.
        return (self.root / ".local").resolve()

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def tls(self) -> Path:
        return self.home / "tls"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def search(self) -> Path:
        """The search engine's configuration, data and logs."""
        return self.home / "search"

    @property
    def pids(self) -> Path:
        return self.home / "pids"

    @property
    def ports(self) -> Path:
        return self.home / "ports.json"

    @property
    def lock(self) -> Path:
        return self.home / "lock"

    @property
    def outputs(self) -> Path:
        return self.home / "outputs.json"

    @property
    def env(self) -> Path:
        return self.home / "env"

    @property
    def callers(self) -> Path:
        return self.home / "callers.json"

    @property
    def deployed(self) -> Path:
        """The last deployment: a fingerprint of its sources and the names of its stacks."""
        return self.home / "deployed.json"

    @property
    def models_log(self) -> Path:
        """One JSON line per model call."""
        return self.logs / "model-calls.jsonl"

    @property
    def local_python(self) -> Path:
        """The interpreter of the emulator, the functions, and the models."""
        return (self.root / ".venv-local").resolve() / "bin" / "python"

    @property
    def project_python(self) -> Path:
        """The interpreter of the web UI."""
        return self.root / ".venv" / "bin" / "python"

    @property
    def cdk(self) -> Path:
        return self.root / "node_modules" / ".bin" / "cdk"

    def make(self) -> None:
        """Creates the folders, accessible by their owner only."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.logs, self.tls, self.state, self.pids):
            folder.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replaces a file atomically; only its owner can read it."""
    temporary = path.with_name(path.name + ".new")
    temporary.touch(mode=0o600)
    temporary.chmod(0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
