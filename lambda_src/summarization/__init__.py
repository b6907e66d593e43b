"""Turns a field technician's notes and photos into an organized report."""
