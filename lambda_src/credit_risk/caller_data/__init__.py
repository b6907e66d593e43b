"""Exports what is kept of a caller, and erases what need not be kept."""
