"""Generates images from a prompt."""
