"""The engine's archives are downloaded once and verified, and never left incomplete."""

import io
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from dev.local.search import distribution
from dev.local.search.distribution import Artifact, DownloadFailed


def _archive(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


_SERVER = _archive({"opensearch-3.5.0/lib/server.jar": "s", "opensearch-3.5.0/modules/analysis-common/x": "a"})
_PLUGIN = _archive({"plugin.jar": "p"})
_CONTENT = {"g:server:zip:1": _SERVER, "g:plugin:zip:1": _PLUGIN}
_ARTIFACTS = (
    Artifact("g:server:zip:1", sha256(_SERVER).hexdigest(), 1, "."),
    Artifact("g:plugin:zip:1", sha256(_PLUGIN).hexdigest(), 1, "opensearch-3.5.0/plugins/knn"),
)


class Repository:
    """Counts downloads. `failing` is the number of truncated downloads per archive."""

    def __init__(self, **failing: int) -> None:
        self.downloads: list[str] = []
        self._failing = failing

    def fetch(self, coordinates: str, target: Path) -> None:
        self.downloads.append(coordinates)
        name = coordinates.split(":")[1]
        content = _CONTENT[coordinates]
        if self._failing.get(name, 0):
            self._failing[name] -= 1
            content = content[:-10]
        target.write_bytes(content)


def _ensure(cache: Path, repository: Repository) -> Path:
    return distribution.ensure(cache, repository.fetch, lambda _: None, _ARTIFACTS)


def test_a_second_checkout_downloads_nothing(tmp_path: Path) -> None:
    # given
    first, second = Repository(), Repository()
    home = _ensure(tmp_path, first)
    # when, then
    assert _ensure(tmp_path, second) == home
    assert (first.downloads, second.downloads) == (["g:server:zip:1", "g:plugin:zip:1"], [])
    assert (home / "lib" / "server.jar").read_text() == "s"
    assert (home / "plugins" / "knn" / "plugin.jar").read_text() == "p"
    assert not (home / "modules" / "analysis-common").exists()


def test_a_failed_download_is_retried(tmp_path: Path) -> None:
    repository = Repository(server=2)
    assert (_ensure(tmp_path, repository) / "lib").exists()
    assert repository.downloads.count("g:server:zip:1") == 3


def test_an_archive_with_a_wrong_checksum_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"SHA-256(.|\n)*make local"):
        _ensure(tmp_path, Repository(plugin=9))
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_incomplete_files_of_a_killed_run_are_deleted(tmp_path: Path) -> None:
    # given an incomplete engine
    (tmp_path / "new-1").mkdir()
    (tmp_path / "new-1" / "download.zip").write_bytes(_SERVER[:20])
    # when
    home = _ensure(tmp_path, Repository())
    # then
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["lock", home.parent.name])


def test_other_archives_have_another_folder(tmp_path: Path) -> None:
    assert distribution.unpacked(tmp_path, _ARTIFACTS) != distribution.unpacked(tmp_path, _ARTIFACTS[:1])


def test_the_cache_is_in_the_users_cache_folder() -> None:
    environment = {"HOME": "/home/a", "XDG_CACHE_HOME": "/var/cache/a"}
    assert distribution.cache_folder(environment) == Path("/var/cache/a/bedrock-endpoints")
    assert distribution.cache_folder({"HOME": "/home/a"}) == Path("/home/a/.cache/bedrock-endpoints")
    assert distribution.cache_folder({**environment, "XDG_CACHE_HOME": "here"}) == Path(
        "/home/a/.cache/bedrock-endpoints"
    )
