"""The daily report on the models that score."""
