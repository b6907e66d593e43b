"""Tries out text models: one completion, a comparison of several, and the list of models."""
