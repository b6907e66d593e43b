"""The engine's configuration."""

from pathlib import Path

from dev.local.search.process import command, configure


def test_a_new_configuration_keeps_the_data(tmp_path: Path) -> None:
    # given
    home, folder = tmp_path / "home", tmp_path / "search"
    (home / "config").mkdir(parents=True)
    (home / "config" / "fips_java.security").write_text("")
    configure(home, folder, 9201)
    (folder / "data" / "nodes").mkdir()
    # when
    configure(home, folder, 9202)
    # then
    settings = (folder / "config" / "opensearch.yml").read_text()
    assert "http.port: 9202" in settings
    assert "network.host: 127.0.0.1" in settings
    assert (folder / "data" / "nodes").exists()
    assert f"-Dopensearch.path.conf={folder}/config" in command("java", home, folder)
