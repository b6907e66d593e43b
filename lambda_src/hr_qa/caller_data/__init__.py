"""Erases and exports the documents and questions of a caller."""
