"""Compares the ingestion with a baseline pipeline from tutorials: `python -m dev.benchmarks.ingestion`."""
