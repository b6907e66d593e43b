"""Commands for the people who run the endpoints. Run from the project's root, such as `python -m tools.doctor`."""

import sys
from pathlib import Path

# The model catalogue lives with the functions.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lambda_src"))
