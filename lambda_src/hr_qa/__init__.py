"""Answers questions from HR documents, with citations."""
