"""Commands for operators. Run them from the project's root, for example `python -m dev.tools.doctor`."""
