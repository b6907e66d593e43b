"""Ports are saved, and replaced if another program uses them."""

import socket
from pathlib import Path

from dev.local import ports


def test_free_ports_are_saved(tmp_path: Path) -> None:
    # given
    first = ports.settle(tmp_path / "ports.json", ["a", "b"], lambda _: False)
    # when
    second = ports.settle(tmp_path / "ports.json", ["a", "b"], lambda _: False)
    # then
    assert first == second
    assert first["a"] != first["b"]


def test_another_programs_port_is_replaced_and_a_running_services_port_is_kept(tmp_path: Path) -> None:
    chosen = ports.settle(tmp_path / "ports.json", ["a"], lambda _: False)
    with socket.socket() as listener:
        listener.bind((ports.LOOPBACK, chosen["a"]))
        listener.listen()
        assert ports.settle(tmp_path / "ports.json", ["a"], lambda _: True) == chosen
        assert ports.settle(tmp_path / "ports.json", ["a"], lambda _: False) != chosen


def test_an_invalid_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{", encoding="utf-8")
    assert set(ports.settle(tmp_path / "ports.json", ["a"], lambda _: False)) == {"a"}
