"""The weekly check of the life cycle of a stage's models."""
