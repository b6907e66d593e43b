"""One evaluation from start to end: documents, searches, answers, figures."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from dev.evaluation.answers import read_texts
from dev.evaluation.client import Client
from dev.evaluation.figures import Figures, figures
from dev.evaluation.library import LibraryError, needed, provide
from dev.evaluation.questions import read_questions
from dev.evaluation.stage import Run, Scope, ask_all, search_all
from dev.local.paths import ROOT


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is evaluated. `everything`: in all documents of the caller, not in the questions' alone."""

    stage: str = "local"
    questions: Path = ROOT / "dev" / "evaluation" / "questions" / "dev.jsonl"
    documents: Path = ROOT / "samples" / "handbooks"
    retrieval_only: bool = False
    everything: bool = False
    at_once: int = 2
    reading_seconds: float = 1800


def evaluate(plan: Plan, client: Client, say: Callable[[str], None]) -> Figures:
    """Raises `LibraryError` and `RequestFailed` when the documents cannot be made ready."""
    questions = read_questions(plan.questions)
    library = provide(client, plan.documents, needed(questions), say=say, seconds=plan.reading_seconds)
    if not library.ids and not plan.everything:
        raise LibraryError("no document that the questions are about can be read")
    scope = Scope(library, only=not plan.everything)
    run = Run()
    search_all(client, questions, scope, run, plan.at_once, say)
    if not plan.retrieval_only:
        ask_all(client, questions, scope, run, plan.at_once, say, read_texts(plan.documents))
    documents = {**dict.fromkeys(library.ids, "ready"), **library.failed}
    return figures(plan.stage, plan.questions.name, questions, documents, run, dict(client.repeated))
