"""Loopback ports: chosen once, saved, and chosen again if another program uses them."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

from dev.local.paths import write_private

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Otherwise a port in TIME_WAIT after a stop would appear to be in use.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose() -> int:
    """A free port, assigned by the kernel."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def read(path: Path) -> dict[str, int]:
    """The saved ports by service; empty if the file is missing or invalid."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(saved, dict):
        return {}
    return {name: port for name, port in saved.items() if isinstance(port, int)}


def settle(path: Path, services: list[str], is_running: Callable[[str], bool]) -> dict[str, int]:
    """
    Returns a port for every service: the saved one if it is free or the service itself uses it, otherwise a new one.

    :param is_running: whether the service runs.
    """
    ports = read(path)
    for service in services:
        port = ports.get(service)
        if port is None or not (is_running(service) or is_free(port)):
            ports[service] = choose()
    write_private(path, json.dumps(ports, indent=2) + "\n")
    return ports
