"""
The search engine's files: downloaded once per user from Maven Central, verified, unpacked, and shared by all checkouts.
"""

import fcntl
import functools
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ATTEMPTS = 3
_SECONDS = 60.0


@dataclass(frozen=True)
class Artifact:
    """One archive: Maven coordinates, checksum, size for messages, and target folder in the unpacked engine."""

    coordinates: str
    sha256: str
    megabytes: int
    folder: str


# OpenSearch without JDK and plugins. Maven verifies MD5 only, so the project pins SHA-256.
SERVER = Artifact(
    "org.opensearch.distribution.integ-test-zip:opensearch:zip:3.5.0",
    "b676ad392c95a94d8d2bd8785b8b922c7811536daf6a9ec0c7277a34bd8a17a9",
    194,
    ".",
)
KNN = Artifact(
    "org.opensearch.plugin:opensearch-knn:zip:3.5.0.0",
    "99fdf3ac9ef95974e276298b83a58532bf21ba13bd5fd96a4b59465b7e613309",
    6,
    "opensearch-3.5.0/plugins/opensearch-knn",
)
_ARTIFACTS = (SERVER, KNN)
# The Java runtimes on PyPI lack Thai word data, which breaks index creation with this module. The server itself has the
# standard analyzer, the only one that templates need.
_REMOVED = "opensearch-3.5.0/modules/analysis-common"
Fetch = Callable[[str, Path], None]


class DownloadFailed(Exception):
    """An archive could not be downloaded, or its checksum is wrong."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/bedrock-endpoints`, or the same below `~/.cache`."""
    base = environment.get("XDG_CACHE_HOME", "")
    # The XDG specification requires that relative paths are ignored.
    root = Path(base) if base.startswith("/") else Path(environment.get("HOME") or Path.home()) / ".cache"
    return root / "bedrock-endpoints"


def unpacked(cache: Path, artifacts: tuple[Artifact, ...] = _ARTIFACTS) -> Path:
    """The engine's folder. Its name depends on the archives' checksums."""
    key = hashlib.sha256("".join(artifact.sha256 for artifact in artifacts).encode()).hexdigest()[:16]
    return cache / f"opensearch-{key}" / "opensearch-3.5.0"


def ensure(
    cache: Path, fetch: Fetch, report: Callable[[str], None], artifacts: tuple[Artifact, ...] = _ARTIFACTS
) -> Path:
    """
    Returns the unpacked engine's folder, after downloading it if necessary.

    The folder is renamed when it is complete. The next run deletes incomplete folders of killed runs.

    :raises DownloadFailed: with a message for the user.
    """
    home = unpacked(cache, artifacts)
    if home.exists():
        return home
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        if home.exists():
            return home
        for incomplete in cache.glob("new-*"):
            shutil.rmtree(incomplete)
        work = Path(tempfile.mkdtemp(prefix="new-", dir=cache))
        try:
            for artifact in artifacts:
                report(f"downloading {artifact.coordinates} ({artifact.megabytes} MB, once)")
                _unpack(_fetched(artifact, work, fetch), work / artifact.folder)
            shutil.rmtree(work / _REMOVED, ignore_errors=True)
            work.rename(home.parent)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return home


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Prevents concurrent downloads by several checkouts."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetched(artifact: Artifact, folder: Path, fetch: Fetch) -> Path:
    target = folder / "download.zip"
    failure: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            fetch(artifact.coordinates, target)
        except (OSError, DownloadFailed) as error:
            failure = error
            continue
        actual = _sha256(target)
        if actual == artifact.sha256:
            return target
        failure = DownloadFailed(f"its SHA-256 is {actual}, not {artifact.sha256}")
    raise DownloadFailed(
        f"{artifact.coordinates} could not be downloaded from Maven Central ({failure}); check the network "
        "(HTTPS_PROXY and SSL_CERT_FILE are used) and run `make local` again"
    ) from failure


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    archive.unlink()


def from_maven(coordinates: str, target: Path) -> None:
    """Downloads one artifact. Raises `DownloadFailed`."""
    from maven_artifact.artifact import Artifact as Coordinates
    from maven_artifact.downloader import Downloader
    from maven_artifact.requestor import RequestException

    downloader = Downloader()
    # The library's requests have no timeout.
    downloader.requestor.request = functools.partial(downloader.requestor.request, timeout=_SECONDS)
    target.unlink(missing_ok=True)
    try:
        downloader.download(Coordinates.parse(coordinates), str(target))
    except RequestException as failure:
        # On one line, because the launcher shows the last line of the log.
        raise DownloadFailed(" ".join(failure.msg.split())) from failure
