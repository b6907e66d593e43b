"""Stored conversations with a model, with photos, titles and summaries."""
