"""Vectors of texts, and how near texts are to one another."""
