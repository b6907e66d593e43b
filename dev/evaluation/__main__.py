"""`python -m dev.evaluation --stage STAGE`: how well a deployed stage finds pages and answers questions."""

import argparse
import sys
from pathlib import Path

import msgspec

from bedrock_endpoints.errors import ConfigurationError
from dev.evaluation import baseline, picture, report
from dev.evaluation.client import RequestFailed, connect
from dev.evaluation.evaluate import Plan, evaluate
from dev.evaluation.figures import Figures
from dev.evaluation.library import LibraryError, Progress
from dev.local.paths import ROOT
from dev.tools.stages import open_stage

DEFAULTS = Plan()


def main() -> int:
    """The exit code: 0; 1 when there are no figures; 2 when some requests failed."""
    options = _parser().parse_args()
    plan = Plan(
        stage=options.stage,
        questions=options.questions,
        documents=options.documents,
        retrieval_only=options.retrieval_only,
        everything=options.everything,
        at_once=options.at_once,
        reading_seconds=options.minutes * 60,
    )
    progress = Progress()
    try:
        with connect(open_stage(plan.stage)) as client:
            found = evaluate(plan, client, progress)
    except (ConfigurationError, LibraryError, RequestFailed, OSError, msgspec.ValidationError) as error:
        progress.end()
        print(f"error: {error}", file=sys.stderr)
        return 1
    progress.end()
    print(report.text(found))
    _write(found, options)
    return 2 if any(found.failed.values()) else 0


def _write(found: Figures, options: argparse.Namespace) -> None:
    _save(options.json or ROOT / ".cache" / "evaluation" / f"{found.stage}.json", _json(found))
    if options.picture:
        models = ", small stand-in models" if found.stand_ins else ""
        _save(options.picture, picture.svg(found.retrieval, f"Pages found, stage {found.stage}{models}, {found.date}"))
    if options.docs:
        report.fill(options.docs, "figures", report.markdown(found))
    if options.baseline:
        _save(options.baseline, _json(baseline.baseline(found)))


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n"


def _save(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    print(f"written to {path}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.evaluation", description=__doc__)
    parser.add_argument("--stage", default=DEFAULTS.stage)
    parser.add_argument("--questions", type=Path, default=DEFAULTS.questions, help="one JSON object a line")
    parser.add_argument("--documents", type=Path, default=DEFAULTS.documents, help="the folder of their PDFs")
    parser.add_argument("--retrieval-only", action="store_true", help="searches, no answers: no text model is called")
    parser.add_argument("--everything", action="store_true", help="ask all of the caller's documents")
    parser.add_argument("--at-once", type=int, default=DEFAULTS.at_once, help="requests side by side")
    parser.add_argument("--minutes", type=float, default=30, help="how long documents are waited for")
    parser.add_argument("--json", type=Path, help="where the figures go (.cache/evaluation/STAGE.json)")
    parser.add_argument("--picture", type=Path, help="where an SVG of the retrieval goes")
    parser.add_argument("--docs", type=Path, help="the page whose place for figures is filled")
    parser.add_argument(
        "--baseline", type=Path, nargs="?", const=baseline.PATH, help="take these figures for the least from now on"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
