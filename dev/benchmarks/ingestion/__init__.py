"""How fast documents are taken in, beside the pipeline that tutorials show: `python -m dev.benchmarks.ingestion`."""
