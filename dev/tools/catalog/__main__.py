"""`python -m dev.tools.catalog FOLDER`: shows what saved answers of AWS change in the model catalog, as one diff.

FOLDER has JSON files of any names: answers of ListFoundationModels (without filters), ListInferenceProfiles and
GetFoundationModel, and AWS's public price lists for Bedrock; `--fetch` saves them there first. The exit code is 0
without differences, 1 with differences, and 2 if a file is invalid.
"""

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from dev.tools.catalog import document
from dev.tools.catalog.answers import InvalidAnswer, read_folder
from dev.tools.catalog.fetch import fetch
from dev.tools.catalog.refresh import Refresh

_NAME = "lambda_src/shared/models.json"


def diff(before: str, after: str) -> Iterator[str]:
    """The lines of a unified diff of the file."""
    return difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{_NAME}", f"b/{_NAME}", lineterm="")


def main(arguments: Sequence[str] | None = None, today: date | None = None, file: Path = document.FILE) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.tools.catalog",
        description="Compares the model catalog with saved answers of AWS, and prints the differences as a diff.",
    )
    parser.add_argument("folder", type=Path, help="folder of the answers' JSON files")
    parser.add_argument("--fetch", action="store_true", help="first save AWS's answers in the folder")
    parser.add_argument("--write", action="store_true", help=f"write the differences to {_NAME}")
    parser.add_argument("--confirm", action="store_true", help="also update source and day of unchanged figures")
    parser.add_argument("--read", type=date.fromisoformat, help="day of the answers, by default that of each file")
    options = parser.parse_args(arguments)
    today = today or date.today()
    try:
        if options.fetch:
            for problem in fetch(options.folder, today):
                print(problem, file=sys.stderr)
        answers = read_folder(options.folder, options.read)
    except InvalidAnswer as error:
        print(error, file=sys.stderr)
        return 2
    refresh = Refresh(document.read(file), answers, today, options.confirm)
    text = document.render(refresh.document)
    changes = list(diff(file.read_text("utf-8"), text))
    for line in changes:
        print(line)
    for heading, notes in refresh.notes.items():
        print(f"\n{heading}:", *(f"  {note}" for note in notes), sep="\n")
    if options.write and changes:
        document.write(text, file)
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
