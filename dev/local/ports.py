"""Loopback ports: chosen free once, remembered, and chosen again when a stranger took them."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

from dev.local.paths import write_private

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it a port in TIME_WAIT after our own stop would look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose() -> int:
    """A free port, given by the kernel."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def read(path: Path) -> dict[str, int]:
    """The remembered ports by service; nothing when the file is missing or broken."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: port for name, port in found.items() if isinstance(port, int)}


def settle(path: Path, services: list[str], is_ours: Callable[[str], bool]) -> dict[str, int]:
    """
    A port for every service: the remembered one if our process holds it or nobody does, else a new one.

    :param is_ours: tells whether the service runs as a process of ours.
    """
    ports = read(path)
    for service in services:
        port = ports.get(service)
        if port is None or not (is_ours(service) or is_free(port)):
            ports[service] = choose()
    write_private(path, json.dumps(ports, indent=2) + "\n")
    return ports
