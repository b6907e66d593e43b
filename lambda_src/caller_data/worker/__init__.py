"""Carries out erasures and exports, use case by use case."""
