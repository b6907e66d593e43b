"""The three use cases in the common way: what the cold start benchmark compares ours with."""
