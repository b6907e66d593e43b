"""Erases and exports the images of a caller."""
