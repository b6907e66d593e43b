"""Embeds texts, and compares texts by the similarity of their vectors."""
