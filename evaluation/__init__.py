"""How well questions are answered: measured on questions whose answers are known."""

import sys
from pathlib import Path

# The functions' code, under the names that it has in their packages.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lambda_src"))
