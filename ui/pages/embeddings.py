"""Stub."""


def page() -> None:
    """Nothing yet."""
