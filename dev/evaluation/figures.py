"""The figures of a run, for the JSON output."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from statistics import fmean

import msgspec

from dev.evaluation.answers import AnswerAssessment, CitationAssessment
from dev.evaluation.judge import Verdict
from dev.evaluation.measures import Values, by_group, measure, recall
from dev.evaluation.questions import Question
from dev.evaluation.stage import Run


class Group(msgspec.Struct, frozen=True):
    """The means of the measures over `count` questions."""

    count: int
    measures: Values


class Outcomes(msgspec.Struct, frozen=True):
    """The outcomes of `count` questions. `without_model` counts refusals without a call of a text model."""

    count: int
    answered: int
    refused: int
    without_model: int
    failed: int


class Citations(msgspec.Struct, frozen=True):
    """Shares of citations; None without citations.

    `right_page` and `overlaps_evidence` are shares of the citations for answerable questions, `verbatim` of the
    `checked` citations, whose page text is known. `evidence_quoted` is the share of answered questions with a citation
    that overlaps the evidence, `needed_pages` the mean share of needed pages that are cited.
    """

    count: int
    right_page: float | None
    overlaps_evidence: float | None
    checked: int
    verbatim: float | None
    evidence_quoted: float | None
    needed_pages: float | None


class Correctness(msgspec.Struct, frozen=True):
    """Answers compared with the expected ones, of answered questions; None without questions.

    `figures` is the share of the `with_figures` questions whose answer or quotes have all numbers of the expected
    answer, `words` the mean share of its content words for the `without_figures` ones. `verdicts` counts the judge's
    grades.
    """

    with_figures: int
    figures: float | None
    without_figures: int
    words: float | None
    verdicts: dict[str, int]


class Times(msgspec.Struct, frozen=True):
    """Latencies at the client in milliseconds."""

    count: int
    p50: float
    p95: float


class Answers(msgspec.Struct, frozen=True):
    """`models` counts answers by model id. Refusals before the model have none."""

    answerable: Outcomes
    unanswerable: Outcomes
    citations: Citations
    correctness: Correctness
    models: dict[str, int]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """`local_models`: small local models answered instead of Bedrock's. `verdicts`: the judge's, by question.

    `to_review` has the ids of questions whose pages are not all among the first five, of questions wrongly refused or
    answered, and of answers without the expected figures or that the judge found wrong. `retries` counts retries by
    status. `failed` maps questions to errors.
    """

    stage: str
    local_models: bool
    date: str
    questions: str
    count: int
    documents: dict[str, str]
    retrieval: dict[str, Group]
    answers: Answers | None
    latency: dict[str, Times]
    verdicts: dict[str, Verdict]
    to_review: dict[str, list[str]]
    retries: dict[str, int]
    failed: dict[str, dict[str, str]]


def retrieval(questions: Sequence[Question], run: Run) -> dict[str, Group]:
    """Measures by kind and language; a failed search has no results."""
    rankings = {name: search.ranking for name, search in run.searched.items()}
    values = {
        question.id: measure(rankings.get(question.id, []), question.needed)
        for question in questions
        if question.answerable and not question.history
    }
    groups = {name: Group(count, means) for name, (count, means) in by_group(questions, values).items()}
    return dict(sorted(groups.items(), key=lambda pair: pair[0].startswith("in ")))


def answers(questions: Sequence[Question], run: Run) -> Answers:
    """Outcomes and citations of all answers."""
    answerable = {question.id for question in questions if question.answerable}
    assessments = {name: result.assessment for name, result in run.answered.items()}
    good = [answer for name, answer in assessments.items() if name in answerable and answer.answered]
    cited = [citation for answer in assessments.values() for citation in answer.citations]
    return Answers(
        answerable=_answered([question for question in questions if question.answerable], run),
        unanswerable=_answered([question for question in questions if not question.answerable], run),
        citations=Citations(
            count=len(cited),
            right_page=_share(citation.on_right_page for citation in cited),
            overlaps_evidence=_share(citation.overlaps for citation in cited),
            checked=_checked(cited),
            verbatim=_share(citation.verbatim for citation in cited),
            evidence_quoted=_share(any(citation.overlaps for citation in answer.citations) for answer in good),
            needed_pages=fmean(answer.recall for answer in good) if good else None,
        ),
        correctness=_correctness(good, run),
        models=dict(Counter(answer.model for answer in assessments.values() if answer.model)),
    )


def latency(run: Run) -> dict[str, Times]:
    """Latencies. An answer consists of a search and a model call, so the searches are the answers without the model."""
    times_by_request = {
        "searches": [search.milliseconds for search in run.searched.values()],
        "questions": [question.milliseconds for question in run.answered.values()],
        "questions without the model": [
            run.searched[name].milliseconds for name in run.answered if name in run.searched
        ],
    }
    return {
        name: Times(len(times), percentile(times, 50), percentile(times, 95))
        for name, times in times_by_request.items()
        if times
    }


def percentile(values: Iterable[float], percent: int) -> float:
    """The percentile by the nearest-rank method."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 1)


def figures(
    stage: str, file: str, questions: Sequence[Question], documents: dict[str, str], run: Run, retries: dict[str, int]
) -> Figures:
    """`documents` maps file names to `ready` or to an error code."""
    return Figures(
        stage=stage,
        local_models=stage == "local",
        date=datetime.now(UTC).date().isoformat(),
        questions=file,
        count=len(questions),
        documents=documents,
        retrieval=retrieval(questions, run),
        answers=answers(questions, run) if run.answered or run.failed_questions else None,
        latency=latency(run),
        verdicts=run.verdicts,
        to_review=_to_review(questions, run),
        retries=retries,
        failed={
            "searches": run.failed_searches,
            "questions": run.failed_questions,
            "verdicts": run.failed_verdicts,
        },
    )


def _to_review(questions: Sequence[Question], run: Run) -> dict[str, list[str]]:
    rankings = {name: search.ranking for name, search in run.searched.items()}
    answered = {name: result.assessment.answered for name, result in run.answered.items()}
    answerable = [question for question in questions if question.answerable]
    without_figures = {name for name, result in run.answered.items() if result.assessment.has_figures is False}
    return {
        "not among the first five": [
            question.id
            for question in answerable
            if not question.history and recall(rankings.get(question.id, []), question.needed, 5) < 1
        ],
        "wrongly refused": [question.id for question in answerable if answered.get(question.id) is False],
        "wrongly answered": [
            question.id for question in questions if not question.answerable and answered.get(question.id)
        ],
        "without the figures": [
            question.id for question in answerable if answered.get(question.id) and question.id in without_figures
        ],
        "judged wrong": [name for name, verdict in run.verdicts.items() if verdict.grade == "wrong"],
    }


def _answered(questions: Sequence[Question], run: Run) -> Outcomes:
    assessments = [run.answered[question.id].assessment for question in questions if question.id in run.answered]
    refused = [answer for answer in assessments if not answer.answered]
    return Outcomes(
        count=len(questions),
        answered=len(assessments) - len(refused),
        refused=len(refused),
        without_model=sum(not answer.model for answer in refused),
        failed=len(questions) - len(assessments),
    )


def _correctness(good: Sequence[AnswerAssessment], run: Run) -> Correctness:
    words = [answer.words for answer in good if answer.words is not None]
    return Correctness(
        with_figures=sum(answer.has_figures is not None for answer in good),
        figures=_share(answer.has_figures for answer in good),
        without_figures=len(words),
        words=fmean(words) if words else None,
        verdicts=dict(Counter(verdict.grade for verdict in run.verdicts.values())),
    )


def _checked(cited: Sequence[CitationAssessment]) -> int:
    return sum(citation.verbatim is not None for citation in cited)


def _share(marks: Iterable[bool | None]) -> float | None:
    known = [mark for mark in marks if mark is not None]
    return fmean(known) if known else None
