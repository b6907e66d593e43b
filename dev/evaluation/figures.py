"""A run's figures, as they are written to JSON."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from statistics import fmean

import msgspec

from dev.evaluation.answers import Cited
from dev.evaluation.measures import Values, by_group, measure, recall
from dev.evaluation.questions import Question
from dev.evaluation.stage import Run


class Group(msgspec.Struct, frozen=True):
    """Means of the measures over so many questions."""

    count: int
    measures: Values


class Answered(msgspec.Struct, frozen=True):
    """What became of so many questions. `unpaid`: those of the refused for which no text model was asked."""

    count: int
    answered: int
    refused: int
    unpaid: int
    failed: int


class Citations(msgspec.Struct, frozen=True):
    """Shares are None where there is nothing to take a share of.

    `right_page`, `overlaps_evidence`: of the citations for answerable questions. `verbatim`: of those whose page's text
    is known, `checked`. Of the answered questions, `evidence_quoted`: some citation overlaps the evidence;
    `needed_pages`: how much of what the question needs is cited, on average.
    """

    count: int
    right_page: float | None
    overlaps_evidence: float | None
    checked: int
    verbatim: float | None
    evidence_quoted: float | None
    needed_pages: float | None


class Times(msgspec.Struct, frozen=True):
    """Milliseconds at the client."""

    count: int
    p50: float
    p95: float


class Answers(msgspec.Struct, frozen=True):
    """`models`: the ids that answered, and how often. The documents' own refusals have none."""

    answerable: Answered
    unanswerable: Answered
    citations: Citations
    models: dict[str, int]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """`stand_ins`: small local models answered under the ids of those of Bedrock.

    `look_at`: the ids of questions whose pages are not all among the first five, and of those wrongly refused and
    wrongly answered. `repeated`: requests that were sent again, by status. `failed`: question -> why no answer came.
    """

    stage: str
    stand_ins: bool
    date: str
    questions: str
    count: int
    documents: dict[str, str]
    retrieval: dict[str, Group]
    answers: Answers | None
    latency: dict[str, Times]
    look_at: dict[str, list[str]]
    repeated: dict[str, int]
    failed: dict[str, dict[str, str]]


def retrieval(questions: Sequence[Question], run: Run) -> dict[str, Group]:
    """By kind and language; a search that failed found nothing."""
    rankings = {name: found.ranking for name, found in run.searched.items()}
    values = {one.id: measure(rankings.get(one.id, []), one.needed) for one in questions if one.answerable}
    groups = {name: Group(count, means) for name, (count, means) in by_group(questions, values).items()}
    return dict(sorted(groups.items(), key=lambda pair: pair[0].startswith("in ")))


def answers(questions: Sequence[Question], run: Run) -> Answers:
    """Over all that was asked."""
    answerable = {one.id for one in questions if one.answerable}
    judged = {name: asked.judged for name, asked in run.asked.items()}
    good = [one for name, one in judged.items() if name in answerable and one.answered]
    cited = [citation for one in judged.values() for citation in one.citations]
    return Answers(
        answerable=_answered([one for one in questions if one.answerable], run),
        unanswerable=_answered([one for one in questions if not one.answerable], run),
        citations=Citations(
            count=len(cited),
            right_page=_share(one.on_right_page for one in cited),
            overlaps_evidence=_share(one.overlaps for one in cited),
            checked=_checked(cited),
            verbatim=_share(one.verbatim for one in cited),
            evidence_quoted=_share(any(citation.overlaps for citation in one.citations) for one in good),
            needed_pages=fmean(one.found for one in good) if good else None,
        ),
        models=dict(Counter(one.model for one in judged.values() if one.model)),
    )


def latency(run: Run) -> dict[str, Times]:
    """A search is all of an answer but the model, so the same questions' searches are the answers without it."""
    found = {
        "searches": [one.milliseconds for one in run.searched.values()],
        "questions": [one.milliseconds for one in run.asked.values()],
        "questions without the model": [run.searched[name].milliseconds for name in run.asked if name in run.searched],
    }
    return {
        name: Times(len(times), percentile(times, 50), percentile(times, 95)) for name, times in found.items() if times
    }


def percentile(values: Iterable[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed (nearest rank)."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 1)


def figures(
    stage: str, file: str, questions: Sequence[Question], documents: dict[str, str], run: Run, repeated: dict[str, int]
) -> Figures:
    """`documents`: file name to `ready`, or why it cannot be read."""
    return Figures(
        stage=stage,
        stand_ins=stage == "local",
        date=datetime.now(UTC).date().isoformat(),
        questions=file,
        count=len(questions),
        documents=documents,
        retrieval=retrieval(questions, run),
        answers=answers(questions, run) if run.asked or run.failed_questions else None,
        latency=latency(run),
        look_at=_look_at(questions, run),
        repeated=repeated,
        failed={"searches": run.failed_searches, "questions": run.failed_questions},
    )


def _look_at(questions: Sequence[Question], run: Run) -> dict[str, list[str]]:
    rankings = {name: found.ranking for name, found in run.searched.items()}
    answered = {name: asked.judged.answered for name, asked in run.asked.items()}
    good = [one for one in questions if one.answerable]
    return {
        "not among five": [one.id for one in good if recall(rankings.get(one.id, []), one.needed, 5) < 1],
        "wrongly refused": [one.id for one in good if answered.get(one.id) is False],
        "wrongly answered": [one.id for one in questions if not one.answerable and answered.get(one.id)],
    }


def _answered(questions: Sequence[Question], run: Run) -> Answered:
    judged = [run.asked[one.id].judged for one in questions if one.id in run.asked]
    refused = [one for one in judged if not one.answered]
    return Answered(
        count=len(questions),
        answered=len(judged) - len(refused),
        refused=len(refused),
        unpaid=sum(not one.model for one in refused),
        failed=len(questions) - len(judged),
    )


def _checked(cited: Sequence[Cited]) -> int:
    return sum(one.verbatim is not None for one in cited)


def _share(marks: Iterable[bool | None]) -> float | None:
    known = [mark for mark in marks if mark is not None]
    return fmean(known) if known else None
