"""Erases the responses that are kept for a caller."""
