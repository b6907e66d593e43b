"""Gives data that is stored under ARNs of callers to the ids that identify them."""
