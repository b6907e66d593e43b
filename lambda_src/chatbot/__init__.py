"""Conversations with a model: kept with their memory, their photos and their titles."""
