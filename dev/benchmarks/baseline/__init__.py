"""The baseline of the benchmarks: the use cases, written in the usual way."""
