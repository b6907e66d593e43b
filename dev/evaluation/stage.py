"""Sends the questions to a stage: first searches, then questions, with limited concurrency."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from dev.evaluation.answers import AnswerAssessment, Texts, assess
from dev.evaluation.client import Client, RequestFailed, Response
from dev.evaluation.judge import Judge, UnusableVerdict, Verdict
from dev.evaluation.library import Library
from dev.evaluation.measures import best_first
from dev.evaluation.questions import PageKey, Question

LIMIT = 50
MAX_DOCUMENTS = 100

Report = Callable[[str], None]
T = TypeVar("T")
R = TypeVar("R")


class SearchResult(msgspec.Struct, frozen=True):
    """The pages found by a search, best first."""

    ranking: list[PageKey]
    milliseconds: float


class AnswerResult(msgspec.Struct, frozen=True):
    """An assessed answer and its text."""

    assessment: AnswerAssessment
    milliseconds: float
    text: str = ""


class Scope(msgspec.Struct, frozen=True):
    """The documents to search. With `only`, the stage's other documents do not affect the figures."""

    library: Library
    only: bool = True

    @property
    def body(self) -> dict[str, Any]:
        """The requests' `documents` field; omitted for more documents than a request can have."""
        ids = sorted(self.library.ids.values())
        return {"documents": ids} if self.only and 0 < len(ids) <= MAX_DOCUMENTS else {}


class Run(msgspec.Struct):
    """Results and errors by question."""

    searched: dict[str, SearchResult] = {}
    answered: dict[str, AnswerResult] = {}
    failed_searches: dict[str, str] = {}
    failed_questions: dict[str, str] = {}
    verdicts: dict[str, Verdict] = {}
    failed_verdicts: dict[str, str] = {}


def search_all(
    client: Client, questions: Sequence[Question], scope: Scope, run: Run, concurrency: int, report: Report
) -> None:
    """Sends `POST /searches` for each question; a page's rank is that of its best chunk.

    A follow-up question cannot be searched for: only `POST /questions` completes it.
    """

    def search(question: Question) -> Response:
        return client.send("POST", "/searches", {"query": question.question, "limit": LIMIT, **scope.body})

    complete = [question for question in questions if not question.history]
    for question, response in _concurrently(search, complete, concurrency, report, "searches"):
        if isinstance(response, RequestFailed):
            run.failed_searches[question.id] = str(response)
        else:
            items = response.body["items"]
            pages = best_first((scope.library.file(item["documentId"]), item["page"]) for item in items)
            run.searched[question.id] = SearchResult(pages, response.milliseconds)


def ask_all(
    client: Client,
    questions: Sequence[Question],
    scope: Scope,
    run: Run,
    concurrency: int,
    report: Report,
    texts: Texts,
    model: str | None = None,
) -> None:
    """Sends `POST /questions` for each question; `model` is one that the stage offers, by default its first."""

    def ask(question: Question) -> Response:
        body = {"question": question.question, **scope.body, **({"model": model} if model else {})}
        if question.history:
            body["history"] = [msgspec.to_builtins(turn) for turn in question.history]
        return client.send("POST", "/questions", body)

    for question, response in _concurrently(ask, questions, concurrency, report, "questions"):
        if isinstance(response, RequestFailed):
            run.failed_questions[question.id] = str(response)
        else:
            assessment = assess(question, response.body, scope.library.file, texts)
            text = response.body.get("answer", "")
            run.answered[question.id] = AnswerResult(assessment, response.milliseconds, text)


def judge_all(judge: Judge, questions: Sequence[Question], run: Run, concurrency: int, report: Report) -> None:
    """Has the answers to answerable questions graded."""

    def grade(question: Question) -> Verdict:
        try:
            return judge.grade(question, run.answered[question.id].text)
        except (UnusableVerdict, ClientError, BotoCoreError) as error:
            raise RequestFailed(str(error)) from error

    answered = {name for name, result in run.answered.items() if result.assessment.answered}
    judged = [question for question in questions if question.answer and question.id in answered]
    for question, verdict in _concurrently(grade, judged, concurrency, report, "verdicts"):
        if isinstance(verdict, RequestFailed):
            run.failed_verdicts[question.id] = str(verdict)
        else:
            run.verdicts[question.id] = verdict


def _concurrently(
    send: Callable[[Question], R], questions: Sequence[Question], concurrency: int, report: Report, what: str
) -> Iterator[tuple[Question, R | RequestFailed]]:
    def send_or_error(question: Question) -> R | RequestFailed:
        try:
            return send(question)
        except RequestFailed as error:
            return error

    with ThreadPoolExecutor(concurrency) as pool:
        yield from zip(
            questions, _counted(pool.map(send_or_error, questions), len(questions), report, what), strict=True
        )


def _counted(items: Iterable[T], total: int, report: Report, what: str) -> Iterator[T]:
    for number, item in enumerate(items, 1):
        if number % 10 == 0 or number == total:
            report(f"{what}: {number} of {total}")
        yield item
