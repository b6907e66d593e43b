"""Turns uploaded documents into searchable chunks."""
