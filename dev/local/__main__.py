"""`python -m dev.local up|stop|reset|status`, from the project's root."""

import argparse
import sys

from dev.local.errors import LocalError
from dev.local.paths import Paths
from dev.local.stage import Stage, clock


def main() -> int:
    """Returns the exit code: 0, or 1 after an error."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.local", description="AWS on this machine, with the stacks deployed."
    )
    parser.add_argument("command", choices=("up", "stop", "reset", "status"))
    command = parser.parse_args().command
    stage = Stage(Paths(), clock())
    try:
        if command == "status":
            return 0 if stage.status() else 1
        {"up": stage.up, "stop": stage.stop, "reset": stage.reset}[command]()
    except LocalError as failure:
        print(f"error: {failure}", file=sys.stderr)
        if failure.log:
            print(f"log: {failure.log}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; running services keep running: `make local-stop` stops them", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
