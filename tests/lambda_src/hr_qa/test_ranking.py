import subprocess
import sys
from pathlib import Path

import pytest

from lambda_src.hr_qa.ranking import Hit, Ranked, fuse, is_answerable

ROOT = Path(__file__).resolve().parents[3]
QUESTION = "How long is parental leave at Clef?"


def hit(ordinal: int, score: float, text: str = "", language: str = "en", document: str = "a", title: str = "") -> Hit:
    return Hit(
        document=document, ordinal=ordinal, page=1, text=text, score=score, language=language, title=title or document
    )


def order(ranked: list[Ranked]) -> list[tuple[str, int]]:
    return [candidate.hit.key for candidate in ranked]


def test_a_chunk_of_both_searches_is_ranked_once_and_first() -> None:
    dense = [hit(1, 0.90), hit(2, 0.89), hit(3, 0.80)]
    lexical = [hit(2, 7.0), hit(4, 1.0)]
    assert order(fuse(QUESTION, "en", dense, lexical)) == [("a", 2), ("a", 1), ("a", 4), ("a", 3)]


def test_chunks_of_two_documents_may_have_one_ordinal() -> None:
    dense = [hit(1, 0.9), hit(1, 0.8, document="b")]
    assert order(fuse(QUESTION, "en", dense, [])) == [("a", 1), ("b", 1)]


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (0.5, 0.5), (30.0, -4.0)])
def test_the_scale_of_the_scores_does_not_matter(factor: float, shift: float) -> None:
    dense = [hit(n, score * factor + shift) for n, score in enumerate((0.9, 0.88, 0.87, 0.5))]
    lexical = [hit(n, score * abs(factor)) for n, score in ((2, 9.0), (1, 8.0), (3, 1.0))]
    assert order(fuse(QUESTION, "en", dense, lexical)) == [("a", 2), ("a", 1), ("a", 0), ("a", 3)]


def test_the_lead_of_the_best_hit_counts() -> None:
    lexical = [hit(2, 5.0), hit(1, 4.0)]
    close = [hit(1, 0.90), hit(2, 0.899), hit(3, 0.5)]
    far = [hit(1, 0.90), hit(2, 0.60), hit(3, 0.5)]
    assert order(fuse(QUESTION, "en", close, lexical))[0] == ("a", 2)
    assert order(fuse(QUESTION, "en", far, lexical))[0] == ("a", 1)


def test_missing_words_do_not_demote_a_chunk_in_another_language() -> None:
    dense = [hit(1, 0.9, language="pt"), hit(2, 0.8), hit(3, 0.7)]
    lexical = [hit(3, 5.0), hit(2, 0.1)]
    assert order(fuse(QUESTION, "en", dense, lexical))[0] == ("a", 1)


def test_shared_words_do_not_add_a_chunk_in_another_language() -> None:
    assert order(fuse("12 dias", "pt", [hit(1, 0.9, language="pt")], [hit(2, 9.0)])) == [("a", 1)]


def test_a_named_document_in_another_language_ranks_with_the_best() -> None:
    dense = [hit(n, 0.9 - n / 100, "licença de semanas", "pt", "lei", "Lei das férias") for n in range(10)]
    clef = [hit(n, 0.7 - n / 100, "weeks of leave", "en", "clef", "Clef Handbook") for n in range(2)]
    others = [hit(n, 0.72 - n / 100, "weeks of leave", "en", "osio", "Osio Handbook") for n in range(2)]
    ranked = order(fuse("Quantas semanas de licença a Clef dá?", "pt", [*dense, *others, *clef], []))
    assert ("clef", 0) in ranked[:2]
    assert ranked[-2:] == [("osio", 0), ("osio", 1)]


def test_a_common_word_of_the_question_is_not_a_name() -> None:
    dense = [hit(n, 0.9 - n / 100, "o manual diz", "pt", "lei", "Lei") for n in range(5)]
    other = hit(0, 0.6, "text", "en", "policy", "Policy Manual")
    assert order(fuse("onde está o manual?", "pt", [*dense, other], []))[-1] == ("policy", 0)


def test_an_unknown_language_treats_all_chunks_alike() -> None:
    dense = [hit(1, 0.9, language="pt"), hit(2, 0.89), hit(3, 0.5)]
    assert order(fuse("vacation carryover", "", dense, [hit(2, 3.0)])) == [("a", 2), ("a", 1), ("a", 3)]


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
    assert order(fuse(QUESTION, "en", dense, lexical)) == expected


def test_without_shared_words_a_question_is_not_answerable() -> None:
    dense = [hit(1, 0.8, "Leave is granted by the founder.")]
    assert not is_answerable("best laptop for gaming", "en", fuse("best laptop for gaming", "en", dense, []), dense)
    assert is_answerable(QUESTION, "en", fuse(QUESTION, "en", dense, []), dense)


def test_without_hits_a_question_is_not_answerable() -> None:
    assert not is_answerable(QUESTION, "en", [], [])


def test_a_chunk_in_another_language_may_answer_without_shared_words() -> None:
    dense = [hit(1, 0.8, "doze semanas", "pt")]
    assert is_answerable("rest between two working days", "en", [Ranked(dense[0], 1.0)], dense)


def test_below_the_floor_more_shared_words_are_needed() -> None:
    far = [hit(1, 0.6, "Parental matters are dealt with elsewhere.")]
    ranked = fuse(QUESTION, "en", far, [])
    assert is_answerable(QUESTION, "en", ranked, far)
    assert not is_answerable(QUESTION, "en", ranked, far, floor=0.7)
    assert is_answerable(QUESTION, "en", ranked, far, floor=0.5)
    near = [hit(1, 0.6, "Parental leave is 12 weeks long at Clef.")]
    assert is_answerable(QUESTION, "en", fuse(QUESTION, "en", near, []), near, floor=0.7)


def test_a_question_of_stop_words_is_answerable() -> None:
    dense = [hit(1, 0.8, "Leave.")]
    assert is_answerable("how do I do this?", "en", [Ranked(dense[0], 1.0)], dense)


def test_ranking_does_not_import_the_ingestion() -> None:
    code = (
        "import sys, lambda_src.hr_qa.ranking; "
        "print([name for name in sys.modules if 'ingestion' in name or 'pdfium' in name])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert process.stdout.strip() == "[]", process.stderr
