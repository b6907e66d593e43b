"""Reads documents of messages."""
