"""The weekly look at the life cycle of a stage's models."""
