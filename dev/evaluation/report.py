"""Figures as tables: for the terminal, and as Markdown for the documentation."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from dev.evaluation.figures import Answers, Figures, Outcomes
from dev.evaluation.judge import Grade

MEASURES = ("recall@1", "recall@5", "recall@10", "mrr@10")
Row = Sequence[str]


class MissingMarker(ValueError):
    """The page lacks the markers of this name."""


def text(figures: Figures) -> str:
    """Formats the figures for the terminal."""
    blocks = [f"stage {figures.stage}, {figures.count} questions of {figures.questions}"]
    blocks += [_aligned(rows) for rows in _tables(figures)]
    return "\n\n".join([*blocks, *_problems(figures)])


def markdown(figures: Figures) -> str:
    """Formats the figures for the documentation."""
    summary = f"Stage `{figures.stage}`, {figures.date}, {figures.count} questions of `{figures.questions}`."
    if figures.answers and figures.answers.models:
        names = ", ".join(f"`{model}`" for model in sorted(figures.answers.models))
        summary += f" Answers by {'a small local model instead of ' if figures.local_models else ''}{names}."
    return "\n\n".join([summary, *map(markdown_table, _tables(figures)), *_problems(figures)])


def markdown_table(rows: Sequence[Row]) -> str:
    """The first row is the header; all columns except the first are numbers."""
    head, *body = rows
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def fill(page: Path, name: str, content: str) -> None:
    """Replaces the text between `<!-- name -->` and `<!-- /name -->`. Raises `MissingMarker`."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, opening, rest = page.read_text(encoding="utf-8").partition(start)
    _, closing, after = rest.partition(end)
    if not (opening and closing):
        raise MissingMarker(f"{page} has no {start} ... {end}")
    page.write_text(f"{before}{start}\n{content}\n{end}{after}", encoding="utf-8")


def _tables(figures: Figures) -> list[list[Row]]:
    tables = [_retrieval(figures)]
    if figures.answers:
        tables += [_outcomes(figures.answers), _citations(figures.answers), _correctness(figures.answers)]
    return [*tables, _latency(figures)]


def _retrieval(figures: Figures) -> list[Row]:
    head = ("retrieval", "questions", *MEASURES)
    return [
        head,
        *(
            (name, str(group.count), *(f"{group.measures[measure]:.3f}" for measure in MEASURES))
            for name, group in figures.retrieval.items()
        ),
    ]


def _outcomes(answers: Answers) -> list[Row]:
    return [
        ("answers", "questions", "answered", "refused", "without a model", "failed"),
        _outcome("answerable", answers.answerable),
        _outcome("unanswerable", answers.unanswerable),
    ]


def _outcome(name: str, outcomes: Outcomes) -> Row:
    counts = (outcomes.answered, outcomes.refused, outcomes.without_model, outcomes.failed)
    return (name, str(outcomes.count), *(f"{count} ({count / max(1, outcomes.count):.0%})" for count in counts))


def _citations(answers: Answers) -> list[Row]:
    cited = answers.citations
    return [
        ("citations", "share"),
        (f"on the right page, of {cited.count}", _share(cited.right_page)),
        (f"verbatim on their page, of {cited.checked} checked", _share(cited.verbatim)),
        ("overlapping the evidence", _share(cited.overlaps_evidence)),
        ("answered questions with the evidence quoted", _share(cited.evidence_quoted)),
        ("pages needed by the answered questions that are cited", _share(cited.needed_pages)),
    ]


def _correctness(answers: Answers) -> list[Row]:
    correct = answers.correctness
    judged = max(1, sum(correct.verdicts.values()))
    return [
        ("answered questions", "share"),
        (f"with the expected figures in answer or quotes, of {correct.with_figures}", _share(correct.figures)),
        (f"expected words in answer or quotes, of {correct.without_figures} without figures", _share(correct.words)),
        *(
            (f"judged {grade}, of {judged}", _share(correct.verdicts[grade] / judged))
            for grade in get_args(Grade)
            if grade in correct.verdicts
        ),
    ]


def _latency(figures: Figures) -> list[Row]:
    return [
        ("latency at the client, ms", "requests", "p50", "p95"),
        *((name, str(times.count), f"{times.p50:.0f}", f"{times.p95:.0f}") for name, times in figures.latency.items()),
    ]


def _problems(figures: Figures) -> list[str]:
    unread = {file: state for file, state in figures.documents.items() if state != "ready"}
    lines = [
        *(f"not ingested: {file} ({state})" for file, state in unread.items()),
        *(f"retried after {status}: {count} times" for status, count in figures.retries.items()),
    ]
    for what, failed in figures.failed.items():
        if failed:
            lines.append(
                f"FAILED {what}: {len(failed)}: " + _some(f"{name} ({error})" for name, error in failed.items())
            )
    return ["\n".join(lines)] if lines else []


def _some(items: Iterable[str]) -> str:
    listed = list(items)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _aligned(rows: Sequence[Row]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
