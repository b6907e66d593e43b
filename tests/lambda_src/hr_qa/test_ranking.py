import subprocess
import sys
from pathlib import Path

import pytest

from lambda_src.hr_qa.ranking import Hit, Ranked, fuse, merge, named_documents

ROOT = Path(__file__).resolve().parents[3]
QUESTION = "How long is parental leave at Clef?"


def hit(
    ordinal: int,
    score: float,
    text: str = "",
    language: str = "en",
    document: str = "a",
    title: str = "",
    page: int = 1,
) -> Hit:
    return Hit(
        document=document,
        ordinal=ordinal,
        page=page,
        text=text,
        score=score,
        language=language,
        title=title or document,
    )


def order(ranked: list[Ranked]) -> list[tuple[str, int]]:
    return [candidate.hit.key for candidate in ranked]


def test_a_chunk_of_both_searches_is_ranked_once_and_first() -> None:
    dense = [hit(1, 0.90), hit(2, 0.89), hit(3, 0.80)]
    lexical = [hit(2, 7.0), hit(4, 1.0)]
    assert order(fuse("en", dense, lexical)) == [("a", 2), ("a", 1), ("a", 4), ("a", 3)]


def test_chunks_of_two_documents_may_have_one_ordinal() -> None:
    dense = [hit(1, 0.9), hit(1, 0.8, document="b")]
    assert order(fuse("en", dense, [])) == [("a", 1), ("b", 1)]


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (0.5, 0.5), (30.0, -4.0)])
def test_the_scale_of_the_scores_does_not_matter(factor: float, shift: float) -> None:
    dense = [hit(n, score * factor + shift) for n, score in enumerate((0.9, 0.88, 0.87, 0.5))]
    lexical = [hit(n, score * abs(factor)) for n, score in ((2, 9.0), (1, 8.0), (3, 1.0))]
    assert order(fuse("en", dense, lexical)) == [("a", 2), ("a", 1), ("a", 0), ("a", 3)]


def test_the_lead_of_the_best_hit_counts() -> None:
    lexical = [hit(2, 5.0), hit(1, 4.0)]
    close = [hit(1, 0.90), hit(2, 0.899), hit(3, 0.5)]
    far = [hit(1, 0.90), hit(2, 0.60), hit(3, 0.5)]
    assert order(fuse("en", close, lexical))[0] == ("a", 2)
    assert order(fuse("en", far, lexical))[0] == ("a", 1)


def test_missing_words_do_not_demote_a_chunk_in_another_language() -> None:
    dense = [hit(1, 0.9, language="pt"), hit(2, 0.8), hit(3, 0.7)]
    lexical = [hit(3, 5.0), hit(2, 0.1)]
    assert order(fuse("en", dense, lexical))[0] == ("a", 1)


def test_shared_words_do_not_add_a_chunk_in_another_language() -> None:
    assert order(fuse("pt", [hit(1, 0.9, language="pt")], [hit(2, 9.0)])) == [("a", 1)]


def test_several_hits_of_a_page_support_each_other() -> None:
    alone, *together = [hit(1, 0.90, page=1), hit(2, 0.895, page=2), hit(3, 0.89, page=2), hit(4, 0.5, page=3)]
    ranked = [each.hit.ordinal for each in fuse("en", [alone, *together], [])]
    assert ranked == [2, 3, 1, 4]


def test_a_long_page_has_no_advantage_over_three_hits() -> None:
    dense = [hit(number, 0.9, page=number % 2) for number in range(4, 10)] + [hit(n, 0.9, page=n) for n in (2, 3)]
    three = [hit(number, 0.9, page=7) for number in range(10, 13)]
    scores = {each.hit.ordinal: each.score for each in fuse("en", [*dense, *three, hit(20, 0.1, page=9)], [])}
    assert scores[4] == scores[10] > scores[2]


def test_a_named_document_ranks_with_the_best() -> None:
    dense = [hit(n, 0.9 - n / 100, "licença de semanas", "pt", "lei", "Lei das férias", n) for n in range(10)]
    clef = [hit(n, 0.7 - n / 100, "weeks of leave", "en", "clef", "Clef Handbook") for n in range(2)]
    others = [hit(n, 0.72 - n / 100, "weeks of leave", "en", "osio", "Osio Handbook") for n in range(2)]
    ranked = order(fuse("pt", [*dense, *others, *clef], [], {"clef"}))
    assert ("clef", 0) in ranked[:2]
    assert ranked[-2:] == [("osio", 0), ("osio", 1)]


def test_each_named_document_ranks_with_the_best() -> None:
    dense = [hit(n, 0.9 - n / 100, document="law", page=n) for n in range(10)]
    clef, osio = hit(1, 0.8, document="clef"), hit(1, 0.7, document="osio")
    assert {document for document, _ in order(fuse("en", [*dense, clef, osio], [], {"clef", "osio"}))[:3]} == {
        "law",
        "clef",
        "osio",
    }


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("Quantas semanas de licença a Clef dá?", {"clef"}),
        ("What do Clef and Osio Labs pay?", {"clef", "osio"}),
        ("What does the handbook say?", set()),
        ("onde está o manual?", set()),
        ("wie viel Urlaub gibt es", set()),
    ],
)
def test_a_question_names_a_document_by_a_word_that_few_titles_have(question: str, named: set[str]) -> None:
    titles = {"clef": "Clef Handbook", "osio": "Osio Labs Handbook", "lei": "Lei das férias", "gsa": "GSA Handbook"}
    assert named_documents(question, titles) == named


def test_a_question_that_names_all_documents_names_none() -> None:
    assert named_documents("Clef's leave", {"1": "Clef"}) == frozenset()


def test_the_best_hits_of_every_query_come_first() -> None:
    first = [Ranked(hit(1, 1), 1.4), Ranked(hit(2, 1), 1.3)]
    second = [Ranked(hit(3, 1), 0.7), Ranked(hit(2, 1), 0.6), Ranked(hit(4, 1), 0.1)]
    assert order(merge([first, second])) == [("a", 1), ("a", 3), ("a", 2), ("a", 4)]
    assert order(merge([first])) == order(first)
    assert merge([[], []]) == []


def test_an_unknown_language_treats_all_chunks_alike() -> None:
    dense = [hit(1, 0.9, language="pt"), hit(2, 0.89), hit(3, 0.5)]
    assert order(fuse("", dense, [hit(2, 3.0)])) == [("a", 2), ("a", 1), ("a", 3)]


@pytest.mark.parametrize(
    ("dense", "lexical", "expected"),
    [
        ([], [], []),
        ([hit(1, 0.9)], [], [("a", 1)]),
        ([], [hit(1, 2.0), hit(2, 1.0)], [("a", 1), ("a", 2)]),
        ([hit(2, 0.5), hit(1, 0.5)], [], [("a", 1), ("a", 2)]),
        ([hit(1, 0.5)], [hit(1, 0.0)], [("a", 1)]),
    ],
)
def test_short_lists(dense: list[Hit], lexical: list[Hit], expected: list[tuple[str, int]]) -> None:
    assert order(fuse("en", dense, lexical)) == expected


def test_ranking_does_not_import_the_ingestion() -> None:
    code = (
        "import sys, lambda_src.hr_qa.ranking; "
        "print([name for name in sys.modules if 'ingestion' in name or 'pdfium' in name])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert process.stdout.strip() == "[]", process.stderr
