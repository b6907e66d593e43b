"""Constructs that every use case's stack is put together from."""
