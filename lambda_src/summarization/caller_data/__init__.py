"""Erases and exports the reports of a caller."""
