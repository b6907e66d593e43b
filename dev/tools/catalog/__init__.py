"""Refreshes the model catalog from saved answers of AWS: `python -m dev.tools.catalog FOLDER`."""
