"""Sends the questions to a stage: first searches, then questions, with limited concurrency."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from dev.evaluation.answers import AnswerAssessment, Texts, assess
from dev.evaluation.client import Client, RequestFailed, Response
from dev.evaluation.library import Library
from dev.evaluation.measures import best_first
from dev.evaluation.questions import PageKey, Question

LIMIT = 50
MAX_DOCUMENTS = 100

Report = Callable[[str], None]
T = TypeVar("T")


class SearchResult(msgspec.Struct, frozen=True):
    """The pages found by a search, best first."""

    ranking: list[PageKey]
    milliseconds: float


class AnswerResult(msgspec.Struct, frozen=True):
    """An assessed answer."""

    assessment: AnswerAssessment
    milliseconds: float


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


def search_all(
    client: Client, questions: Sequence[Question], scope: Scope, run: Run, concurrency: int, report: Report
) -> None:
    """Sends `POST /searches` for each question; a page's rank is that of its best chunk."""

    def search(question: Question) -> Response:
        return client.send("POST", "/searches", {"query": question.question, "limit": LIMIT, **scope.body})

    for question, response in _concurrently(search, questions, concurrency, report, "searches"):
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
) -> None:
    """Sends `POST /questions` for each question."""

    def ask(question: Question) -> Response:
        return client.send("POST", "/questions", {"question": question.question, **scope.body})

    for question, response in _concurrently(ask, questions, concurrency, report, "questions"):
        if isinstance(response, RequestFailed):
            run.failed_questions[question.id] = str(response)
        else:
            assessment = assess(question, response.body, scope.library.file, texts)
            run.answered[question.id] = AnswerResult(assessment, response.milliseconds)


def _concurrently(
    send: Callable[[Question], Response], questions: Sequence[Question], concurrency: int, report: Report, what: str
) -> Iterator[tuple[Question, Response | RequestFailed]]:
    def send_or_error(question: Question) -> Response | RequestFailed:
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
