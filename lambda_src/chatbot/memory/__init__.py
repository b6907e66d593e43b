"""Maintenance of conversations after their turns: titles, summaries, deletion."""
