"""Reads documents, page by page, in a process with limits.

A library of use cases: only the packages of functions that name it have it, and its dependencies.
"""
