"""Constructs shared by the use cases' stacks."""
