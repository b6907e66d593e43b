"""The environment of a function, read when its modules are imported."""

import os

os.environ["STAGE"] = "test"
