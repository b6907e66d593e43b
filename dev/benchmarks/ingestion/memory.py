"""A process's memory."""

from pathlib import Path


def peak_megabytes() -> float:
    """The most memory that this process has had. `getrusage` would count its parent's before the start, too."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
