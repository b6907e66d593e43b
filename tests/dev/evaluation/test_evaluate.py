"""An evaluation of an in-memory stage produces figures, a chart, and documentation."""

import json
import sys
import xml.etree.ElementTree as ET  # the project's own output
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dev.evaluation import __main__ as command
from dev.evaluation import baseline, picture, report
from dev.evaluation.client import Client
from dev.evaluation.evaluate import Plan, evaluate
from dev.evaluation.figures import Figures, percentile
from dev.evaluation.judge import Judge
from dev.evaluation.library import LibraryError
from tests.fakes import FakeModel, client_error, converse_answer
from tests.hr_stage import FakeStage, error

QUESTIONS = [
    {"id": "1", "question": "leave?", "language": "en", "kind": "direct", "document": "a.pdf", "pages": [2]},
    {"id": "2", "question": "férias?", "language": "pt", "kind": "table", "document": "b.pdf", "pages": [1]},
    {"id": "3", "question": "moon?", "language": "en", "kind": "unanswerable", "document": None, "pages": []},
]
DOCUMENTS = [{"id": f"id-{name}", "name": f"{name}.pdf", "status": "ready"} for name in "ab"]


def results(*pages: tuple[str, int]) -> dict[str, Any]:
    return {"items": [{"documentId": f"id-{name}", "page": page} for name, page in pages]}


def answer(answered: bool, **citation: Any) -> dict[str, Any]:
    citations = [{"quote": "q", **citation}] if citation else []
    return {"answered": answered, "answer": "a", "citations": citations, "model": "small-1"}


SEARCHES: dict[str, Any] = {
    "leave?": results(("b", 1), ("b", 1), ("a", 2)),
    "férias?": results(("b", 1)),
    "moon?": results(("a", 1)),
}
ANSWERS: dict[str, Any] = {
    "leave?": answer(True, documentId="id-a", page=2),
    "férias?": answer(False),
    "moon?": answer(True, documentId="id-a", page=1),
}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS)))
    return Plan(stage="here", questions=tmp_path / "q.jsonl", documents=tmp_path)


def run(
    plan: Plan,
    searches: Any = None,
    questions: Any = None,
    stage: FakeStage | None = None,
    judge: Judge | None = None,
) -> Figures:
    stage = stage or FakeStage(
        documents=DOCUMENTS, searches={**SEARCHES, **(searches or {})}, questions={**ANSWERS, **(questions or {})}
    )
    return evaluate(plan, Client(stage, sleep=lambda _: None), lambda _: None, judge)


def test_figures_of_a_run(plan: Plan) -> None:
    figures = run(plan)
    # A page is ranked by its best chunk: the needed page is second, not third.
    assert figures.retrieval["direct"].measures == {"recall@1": 0, "recall@5": 1, "recall@10": 1, "mrr@10": 0.5}
    assert figures.retrieval["all"].count == 2
    assert figures.retrieval["all"].measures["mrr@10"] == 0.75
    assert list(figures.retrieval) == ["all", "direct", "table", "in en", "in pt"]
    assert figures.answers
    assert msgspec.to_builtins(figures.answers.answerable) == {
        **{"count": 2, "answered": 1, "refused": 1, "without_model": 0, "failed": 0}
    }
    assert msgspec.to_builtins(figures.answers.unanswerable) == {
        **{"count": 1, "answered": 1, "refused": 0, "without_model": 0, "failed": 0}
    }
    assert figures.answers.citations.right_page == 1.0
    assert figures.answers.citations.evidence_quoted == 0.0
    assert figures.answers.models == {"small-1": 3}
    assert figures.to_review == {
        **{"not among the first five": [], "wrongly refused": ["2"], "wrongly answered": ["3"]},
        **{"without the figures": [], "judged wrong": []},
    }
    assert {name: times.count for name, times in figures.latency.items()} == {
        "searches": 3,
        "questions": 3,
        "questions without the model": 3,
    }


def test_only_the_questions_documents_are_searched_by_default(plan: Plan) -> None:
    for everything, documents in ((False, ["id-a", "id-b"]), (True, None)):
        stage = FakeStage(documents=DOCUMENTS, searches=SEARCHES, questions=ANSWERS)
        run(msgspec.structs.replace(plan, everything=everything), stage=stage)
        assert len(stage.bodies) == 6
        assert all(body.get("documents") == documents for body in stage.bodies)


def test_a_failed_search_counts_as_a_miss_and_is_reported(plan: Plan) -> None:
    broken = {"leave?": error(502, "model_error")}
    figures = run(plan, searches={"férias?": error(500, "internal")}, questions=broken)
    failed = {"searches": {"2": "500 internal"}, "questions": {"1": "502 model_error"}, "verdicts": {}}
    assert figures.failed == failed
    assert figures.retrieval["table"].measures["recall@10"] == 0
    assert figures.answers
    assert figures.answers.answerable.failed == 1
    assert figures.latency["questions without the model"].count == 1
    assert "FAILED questions: 1: 1 (502 model_error)" in report.text(figures)


def test_retries_are_counted(plan: Plan) -> None:
    figures = run(plan, searches={"moon?": [error(429, "throttled"), SEARCHES["moon?"]]})
    assert figures.retries == {"429": 1}
    assert "retried after 429: 1 times" in report.text(figures)


def test_retrieval_only_calls_no_model(plan: Plan) -> None:
    stage = FakeStage(documents=DOCUMENTS, searches=SEARCHES)
    figures = run(msgspec.structs.replace(plan, retrieval_only=True), stage=stage)
    assert figures.answers is None
    assert list(figures.latency) == ["searches"]


EXPECTED = [
    {**QUESTIONS[0], "answer": "240 hours"},
    {**QUESTIONS[0], "id": "2", "question": "sabbatical?", "answer": "12 weeks after 5 years"},
    {**QUESTIONS[0], "id": "3", "question": "beer?", "answer": "Yes, on a birthday"},
    {**QUESTIONS[2], "id": "4"},
]
GIVEN: dict[str, Any] = {
    "leave?": {**answer(True, documentId="id-a", page=2, quote="240 hours at most"), "answer": "You keep them."},
    "sabbatical?": {**answer(True, documentId="id-a", page=2), "answer": "It takes 12 weeks."},
    "beer?": {**answer(True, documentId="id-a", page=2), "answer": "On every birthday."},
    "moon?": {**answer(True, documentId="id-a", page=2), "answer": "384,000 km"},
}


def expected_answers(plan: Plan) -> tuple[Plan, FakeStage]:
    plan.questions.write_text("\n".join(map(json.dumps, EXPECTED)))
    searches = dict.fromkeys(GIVEN, results(("a", 2)))
    return plan, FakeStage(documents=DOCUMENTS, searches=searches, questions=GIVEN)


def test_answers_are_compared_with_the_expected_ones(plan: Plan) -> None:
    plan, stage = expected_answers(plan)
    figures = run(plan, stage=stage)
    assert figures.answers
    correctness = figures.answers.correctness
    assert (correctness.with_figures, correctness.figures, correctness.without_figures) == (2, 0.5, 1)
    # "Yes" is not repeated, "birthday" is.
    assert correctness.words == 0.5
    assert figures.to_review["without the figures"] == ["2"]
    assert "| with the expected figures in answer or quotes, of 2 | 0.500 |" in report.markdown(figures)


def test_a_judge_grades_the_answers_to_answerable_questions(plan: Plan) -> None:
    plan, stage = expected_answers(plan)
    model = FakeModel(
        converse_answer("right - says it"), client_error("ThrottlingException"), converse_answer("wrong - other")
    )
    figures = run(msgspec.structs.replace(plan, concurrency=1), stage=stage, judge=Judge("judge-1", model))
    assert figures.answers
    assert figures.answers.correctness.verdicts == {"right": 1, "wrong": 1}
    assert figures.verdicts["3"].reason == "other"
    assert figures.to_review["judged wrong"] == ["3"]
    assert list(figures.failed["verdicts"]) == ["2"]
    assert "| judged wrong, of 2 | 0.500 |" in report.markdown(figures)
    assert "FAILED verdicts: 1: 2 (" in report.text(figures)
    assert model.queue == []


def test_a_follow_up_is_asked_with_its_history_and_not_searched(plan: Plan) -> None:
    history = [{"question": "leave?", "answer": "240 hours"}]
    follow_up = {**QUESTIONS[0], "id": "9", "question": "and fathers?", "kind": "follow-up", "history": history}
    plan.questions.write_text("\n".join(map(json.dumps, [QUESTIONS[0], follow_up])))
    stage = FakeStage(documents=DOCUMENTS, searches=SEARCHES, questions={**ANSWERS, "and fathers?": ANSWERS["leave?"]})
    figures = run(plan, stage=stage)
    assert [body["history"] for body in stage.bodies if "history" in body] == [history]
    assert (figures.retrieval["all"].count, "follow-up" in figures.retrieval) == (1, False)
    assert figures.to_review["not among the first five"] == []
    assert figures.answers
    assert figures.answers.answerable.answered == 2


def test_another_model_answers(plan: Plan) -> None:
    refused = error(400, "invalid_request", body=json.dumps({
        "error": {"code": "invalid_request", "message": "x", "details": [
            {"path": "body.model", "message": "not offered here; one of: small-1"}
        ]}
    }).encode())  # fmt: skip
    stage = FakeStage(documents=DOCUMENTS, searches=SEARCHES, questions={**ANSWERS, "moon?": refused})
    figures = run(msgspec.structs.replace(plan, model="new-1"), stage=stage)
    assert [body["model"] for body in stage.bodies if "question" in body] == ["new-1"] * 3
    assert all("model" not in body for body in stage.bodies if "query" in body)
    message = "400 invalid_request (body.model: not offered here; one of: small-1)"
    assert figures.failed["questions"] == {"3": message}


@pytest.mark.parametrize(
    ("stage", "text"), [("local", "by a small local model instead of `small-1`"), ("dev", "by `small-1`")]
)
def test_local_models_are_named_in_the_documentation(plan: Plan, stage: str, text: str) -> None:
    assert f"Answers {text}." in report.markdown(run(msgspec.structs.replace(plan, stage=stage)))


def test_without_documents_there_are_no_figures(plan: Plan) -> None:
    stage = FakeStage(
        documents=[{**document, "status": "failed", "error": {"code": "empty"}} for document in DOCUMENTS]
    )
    with pytest.raises(LibraryError, match="can be read"):
        run(plan, stage=stage)


def test_percentiles_are_measured_values() -> None:
    assert percentile([10, 40, 20, 30], 50) == 20
    assert percentile(range(1, 101), 95) == 95
    assert percentile([7], 95) == 7


def test_a_worse_ranking_is_below_the_baseline(plan: Plan) -> None:
    expected = baseline.baseline(run(plan))
    assert expected.at_least == {"recall@5": 0.99, "mrr@10": 0.74}
    assert baseline.shortfalls(run(plan), expected) == []
    assert baseline.shortfalls(run(plan, searches={"férias?": results(("a", 1))}), expected) == [
        "recall@5 is 0.5000, at least 0.99 is required",
        "mrr@10 is 0.2500, at least 0.74 is required",
    ]
    fewer = msgspec.structs.replace(expected, count=3)
    assert baseline.shortfalls(run(plan), fewer) == ["2 questions were searched, the baseline has 3"]


def test_the_baseline_is_close_to_the_measured_figures() -> None:
    expected = baseline.read()
    for name in baseline.COMPARED:
        assert expected.measured[name] - 0.02 <= expected.at_least[name] <= expected.measured[name] - 0.01 + 1e-9
        assert expected.at_least[name] > 0.5


def test_the_chart_has_a_bar_for_each_figure(plan: Plan) -> None:
    figures = run(plan)
    root = ET.fromstring(picture.svg(figures.retrieval, "a <b> & c"))  # noqa: S314
    namespace = "{http://www.w3.org/2000/svg}"
    bars = [rect for rect in root.iter(f"{namespace}rect") if rect.get("width") == "34"]
    assert [int(bar.attrib["height"]) for bar in bars[:2]] == [220, 165]
    assert len(bars) == 2 * len(figures.retrieval)
    assert root.findtext(f"{namespace}title") == "a <b> & c"
    right, bottom = map(int, root.attrib["viewBox"].split()[2:])
    for rect in root.iter(f"{namespace}rect"):
        assert int(rect.attrib["x"]) + int(rect.attrib["width"]) <= right
        assert int(rect.attrib["y"]) + int(rect.attrib["height"]) <= bottom


def test_the_marked_part_of_a_page_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\n<!-- /figures -->\nafter\n")
    for content in ("first", "second"):
        report.fill(page, "figures", content)
        assert page.read_text() == f"before\n<!-- figures -->\n{content}\n<!-- /figures -->\nafter\n"
    with pytest.raises(report.MissingMarker):
        report.fill(page, "comparison", "third")


def test_the_command_writes_all_outputs(plan: Plan, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- figures --><!-- /figures -->")
    outputs = {"--json": tmp_path / "f.json", "--picture": tmp_path / "p.svg", "--baseline": tmp_path / "b.json"}
    options = ["--stage", "here", "--questions", str(plan.questions), "--documents", str(plan.documents)]
    written = [part for name, path in outputs.items() for part in (name, str(path))]
    monkeypatch.setattr(sys, "argv", ["evaluation", *options, *written, "--docs", str(page)])

    broken = {**ANSWERS, "moon?": error(500, "internal")}
    stage = FakeStage(documents=DOCUMENTS, searches=SEARCHES, questions=broken)
    monkeypatch.setattr(command, "open_stage", {"here": stage}.__getitem__)
    monkeypatch.setattr(command, "connect", lambda stage: nullcontext(Client(stage)))
    assert command.main() == 2  # there are figures, but not for all questions
    figures = msgspec.json.decode((tmp_path / "f.json").read_bytes(), type=Figures)
    assert figures.answers
    assert figures.answers.models == {"small-1": 2}
    assert "| direct | 1 | 0.000 | 1.000 | 1.000 | 0.500 |" in page.read_text()
    assert "FAILED questions: 1" in capsys.readouterr().out
    assert baseline.read(tmp_path / "b.json").stage == "here"
    assert (tmp_path / "p.svg").read_text().startswith("<svg")
