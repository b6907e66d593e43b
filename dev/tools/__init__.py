"""Commands for the people who run the endpoints. Run from the project's root, such as `python -m dev.tools.doctor`."""
