"""A complete evaluation: documents, searches, answers, figures."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from dev.evaluation.answers import read_texts
from dev.evaluation.client import Client
from dev.evaluation.figures import Figures, figures
from dev.evaluation.judge import Judge
from dev.evaluation.library import LibraryError, needed, provide
from dev.evaluation.questions import read_questions
from dev.evaluation.stage import Run, Scope, ask_all, judge_all, search_all
from dev.local.paths import ROOT


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluation's settings. `everything` searches all of the caller's documents, not only the questions'. `model`
    answers instead of the stage's default."""

    stage: str = "local"
    questions: Path = ROOT / "dev" / "evaluation" / "questions" / "dev.jsonl"
    documents: Path = ROOT / "samples" / "handbooks"
    retrieval_only: bool = False
    everything: bool = False
    concurrency: int = 2
    ingestion_seconds: float = 1800
    model: str | None = None


def evaluate(plan: Plan, client: Client, report: Callable[[str], None], judge: Judge | None = None) -> Figures:
    """Runs the evaluation; a `judge` grades the answers. Raises `LibraryError` and `RequestFailed` if the documents
    cannot be prepared."""
    questions = read_questions(plan.questions)
    library = provide(client, plan.documents, needed(questions), report=report, seconds=plan.ingestion_seconds)
    if not library.ids and not plan.everything:
        raise LibraryError("none of the questions' documents can be read")
    scope = Scope(library, only=not plan.everything)
    run = Run()
    search_all(client, questions, scope, run, plan.concurrency, report)
    if not plan.retrieval_only:
        ask_all(client, questions, scope, run, plan.concurrency, report, read_texts(plan.documents), plan.model)
        if judge:
            judge_all(judge, questions, run, plan.concurrency, report)
    documents = {**dict.fromkeys(library.ids, "ready"), **library.failed}
    return figures(plan.stage, plan.questions.name, questions, documents, run, dict(client.retries))
