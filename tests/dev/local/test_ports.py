"""Ports are remembered, and given up when a stranger holds them."""

import socket
from pathlib import Path

from dev.local import ports


def test_a_free_port_is_remembered(tmp_path: Path) -> None:
    # given
    first = ports.settle(tmp_path / "ports.json", ["a", "b"], lambda _: False)
    # when
    second = ports.settle(tmp_path / "ports.json", ["a", "b"], lambda _: False)
    # then
    assert first == second
    assert first["a"] != first["b"]


def test_a_strangers_port_is_given_up_and_our_own_is_kept(tmp_path: Path) -> None:
    chosen = ports.settle(tmp_path / "ports.json", ["a"], lambda _: False)
    with socket.socket() as stranger:
        stranger.bind((ports.LOOPBACK, chosen["a"]))
        stranger.listen()
        assert ports.settle(tmp_path / "ports.json", ["a"], lambda _: True) == chosen
        assert ports.settle(tmp_path / "ports.json", ["a"], lambda _: False) != chosen


def test_a_broken_file_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{", encoding="utf-8")
    assert set(ports.settle(tmp_path / "ports.json", ["a"], lambda _: False)) == {"a"}
