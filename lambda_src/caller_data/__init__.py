"""Erases and exports what the stage keeps of a caller."""
