"""`python -m dev.evaluation --stage STAGE`: evaluates retrieval and answers of a deployed stage."""

import argparse
import sys
from pathlib import Path

import msgspec
from botocore.exceptions import BotoCoreError

from bedrock_endpoints.errors import ConfigurationError
from dev.evaluation import baseline, picture, report
from dev.evaluation.client import RequestFailed, connect
from dev.evaluation.evaluate import Plan, evaluate
from dev.evaluation.figures import Figures
from dev.evaluation.judge import Judge
from dev.evaluation.library import LibraryError, Progress
from dev.local.paths import ROOT
from dev.tools.stages import open_stage

DEFAULTS = Plan()


def main() -> int:
    """Returns the exit code: 0, 1 without figures, or 2 if some requests failed."""
    options = _parser().parse_args()
    plan = Plan(
        stage=options.stage,
        questions=options.questions,
        documents=options.documents,
        retrieval_only=options.retrieval_only,
        everything=options.everything,
        concurrency=options.concurrency,
        ingestion_seconds=options.minutes * 60,
        model=options.model,
    )
    progress = Progress()
    try:
        with connect(open_stage(plan.stage)) as client:
            judge = Judge(options.judge) if options.judge else None
            figures = evaluate(plan, client, progress, judge)
    except (ConfigurationError, BotoCoreError, LibraryError, RequestFailed, OSError, msgspec.ValidationError) as error:
        progress.end()
        print(f"error: {error}", file=sys.stderr)
        return 1
    progress.end()
    print(report.text(figures))
    _write(figures, options)
    return 2 if any(figures.failed.values()) else 0


def _write(figures: Figures, options: argparse.Namespace) -> None:
    _save(options.json or ROOT / ".cache" / "evaluation" / f"{figures.stage}.json", _json(figures))
    if options.picture:
        models = ", small local models" if figures.local_models else ""
        _save(
            options.picture,
            picture.svg(figures.retrieval, f"Retrieval, stage {figures.stage}{models}, {figures.date}"),
        )
    if options.docs:
        report.fill(options.docs, "figures", report.markdown(figures))
    if options.baseline:
        _save(options.baseline, _json(baseline.baseline(figures)))


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n"


def _save(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    print(f"wrote {path}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.evaluation", description=__doc__)
    parser.add_argument("--stage", default=DEFAULTS.stage)
    parser.add_argument("--questions", type=Path, default=DEFAULTS.questions, help="one JSON object per line")
    parser.add_argument("--documents", type=Path, default=DEFAULTS.documents, help="the folder with the documents")
    parser.add_argument("--retrieval-only", action="store_true", help="only search; no text model is called")
    parser.add_argument("--everything", action="store_true", help="search all of the caller's documents")
    parser.add_argument("--concurrency", type=int, default=DEFAULTS.concurrency, help="concurrent requests")
    parser.add_argument("--minutes", type=float, default=30, help="limit for the ingestion of documents")
    parser.add_argument("--model", help="the model that answers, one of the stage's (default: its first)")
    parser.add_argument("--judge", help="a Bedrock model that grades the answers, with the credentials of the shell")
    parser.add_argument("--json", type=Path, help="output file for the figures (default: .cache/evaluation/STAGE.json)")
    parser.add_argument("--picture", type=Path, help="output file for an SVG chart of retrieval")
    parser.add_argument("--docs", type=Path, help="the Markdown page whose figures are updated")
    parser.add_argument(
        "--baseline", type=Path, nargs="?", const=baseline.PATH, help="save these figures as the baseline"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
