"""
Bounds the emulated CloudWatch Logs.

ministack makes a log stream for each invocation and keeps all of them in memory, whatever a group's retention says:
ten minutes of mixed traffic left eleven thousand streams.
"""

from typing import Any

from dev.local import seams

MAX_STREAMS = 500
MAX_EVENTS = 5_000


def trim() -> None:
    """Keeps the newest streams of each group, and the newest events of each stream."""
    for _, group in seams.module("ministack.services.cloudwatch_logs")._log_groups.all_items():
        trim_group(group["streams"])


def trim_group(streams: dict[str, dict[str, Any]]) -> None:
    """`streams`: name -> stream, in the order of their creation."""
    for name in list(streams)[:-MAX_STREAMS]:
        del streams[name]
    for stream in streams.values():
        del stream["events"][:-MAX_EVENTS]
