"""Asks a stage the questions: first the searches, then the answers, a few at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from dev.evaluation.answers import Judged, Texts, judge
from dev.evaluation.client import Client, Reply, RequestFailed
from dev.evaluation.library import Library
from dev.evaluation.measures import best_first
from dev.evaluation.questions import PageKey, Question

LIMIT = 50
MAX_DOCUMENTS = 100

Say = Callable[[str], None]
T = TypeVar("T")


class Searched(msgspec.Struct, frozen=True):
    """The pages that a search found, best first."""

    ranking: list[PageKey]
    milliseconds: float


class Asked(msgspec.Struct, frozen=True):
    """An answer, judged."""

    judged: Judged
    milliseconds: float


class Scope(msgspec.Struct, frozen=True):
    """Where is searched. `only`: in the questions' documents, so that others in the stage change no figure."""

    library: Library
    only: bool = True

    @property
    def body(self) -> dict[str, Any]:
        """What the requests say of documents; nothing when there are more than a request may name."""
        ids = sorted(self.library.ids.values())
        return {"documents": ids} if self.only and 0 < len(ids) <= MAX_DOCUMENTS else {}


class Run(msgspec.Struct):
    """By question: what came, or why nothing came."""

    searched: dict[str, Searched] = {}
    asked: dict[str, Asked] = {}
    failed_searches: dict[str, str] = {}
    failed_questions: dict[str, str] = {}


def search_all(client: Client, questions: Sequence[Question], scope: Scope, run: Run, at_once: int, say: Say) -> None:
    """`POST /searches` for each question; the best part of a page stands for it."""

    def search(question: Question) -> Reply:
        return client.send("POST", "/searches", {"query": question.question, "limit": LIMIT, **scope.body})

    for question, reply in _side_by_side(search, questions, at_once, say, "searches"):
        if isinstance(reply, RequestFailed):
            run.failed_searches[question.id] = str(reply)
        else:
            items = reply.body["items"]
            pages = best_first((scope.library.file(item["documentId"]), item["page"]) for item in items)
            run.searched[question.id] = Searched(pages, reply.milliseconds)


def ask_all(
    client: Client, questions: Sequence[Question], scope: Scope, run: Run, at_once: int, say: Say, texts: Texts
) -> None:
    """`POST /questions` for each question."""

    def ask(question: Question) -> Reply:
        return client.send("POST", "/questions", {"question": question.question, **scope.body})

    for question, reply in _side_by_side(ask, questions, at_once, say, "questions"):
        if isinstance(reply, RequestFailed):
            run.failed_questions[question.id] = str(reply)
        else:
            judged = judge(question, reply.body, scope.library.file, texts)
            run.asked[question.id] = Asked(judged, reply.milliseconds)


def _side_by_side(
    send: Callable[[Question], Reply], questions: Sequence[Question], at_once: int, say: Say, what: str
) -> Iterator[tuple[Question, Reply | RequestFailed]]:
    def sent(question: Question) -> Reply | RequestFailed:
        try:
            return send(question)
        except RequestFailed as error:
            return error

    with ThreadPoolExecutor(at_once) as pool:
        yield from zip(questions, _counted(pool.map(sent, questions), len(questions), say, what), strict=True)


def _counted(items: Iterable[T], total: int, say: Say, what: str) -> Iterator[T]:
    for number, item in enumerate(items, 1):
        if number % 10 == 0 or number == total:
            say(f"{what}: {number} of {total}")
        yield item
