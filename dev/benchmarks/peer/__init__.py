"""The use cases in the common way: what the benchmarks compare ours with."""
