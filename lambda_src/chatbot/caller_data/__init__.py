"""Erases and exports the conversations of a caller."""
