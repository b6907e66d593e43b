from pathlib import Path

from dev.evaluation.compare import SearchResults, markdown, pages_of, plain_fusion, table
from dev.evaluation.corpus import hits_of, read_folder, texts_to_embed
from dev.evaluation.embeddings import array, embed, nearest
from dev.evaluation.questions import Question
from lambda_src.hr_qa.ranking import Hit
from tests.handbooks import FOLDER

QUESTION = Question(id="1", question="Who pays?", language="en", kind="direct", document="a", pages=(2,))


def hit(page: int, ordinal: int) -> Hit:
    return Hit(document="a", page=page, ordinal=ordinal, text="", score=1.0)


def test_handbooks_are_parsed_with_titles_and_unreadable_ones_are_reported(tmp_path: Path) -> None:
    names = ["clef_employee_handbook.pdf", "tts_code_of_conduct_encrypted.pdf", "MANIFEST.json"]
    for name in names:
        (tmp_path / name).symlink_to(FOLDER / name)
    documents, refused = read_folder(tmp_path)
    assert [(document.name, document.title) for document in documents] == [(names[0], "Clef Employee Handbook")]
    assert refused == {names[1]: "encrypted"}
    hits, texts = hits_of(documents), texts_to_embed(documents)
    assert len(hits) == len(texts)
    assert all(hit.text in text for hit, text in zip(hits, texts, strict=True))


def test_plain_fusion_adds_reciprocal_ranks() -> None:
    results = SearchResults(
        QUESTION, "en", dense=[hit(1, 1), hit(2, 2)], lexical=[hit(2, 2), hit(3, 3)], more=[], named=frozenset()
    )
    assert plain_fusion(results) == [("a", 2), ("a", 1), ("a", 3)]
    assert pages_of([hit(1, 1), hit(2, 2), hit(1, 3)]) == [("a", 1), ("a", 2)]


def test_the_table_has_a_line_per_method_in_every_group() -> None:
    values = {"recall@1": 0.0, "recall@5": 1.0, "recall@10": 1.0, "mrr@10": 0.5}
    lines = table([QUESTION], {"dense": {"1": values}, "service": {"1": values}}).splitlines()
    assert lines[0].split() == ["all", "(1)", "recall@1", "recall@5", "recall@10", "mrr@10"]
    assert lines[2].split() == ["service", "0.000", "1.000", "1.000", "0.500"]
    assert len(lines) == 11


def test_the_documentation_has_all_measures_and_the_last_measure_by_kind() -> None:
    values = {"recall@1": 0.0, "recall@5": 1.0, "recall@10": 1.0, "mrr@10": 0.5}
    overall, by_kind = markdown([QUESTION], {"dense": {"1": values}, "service": {"1": values}}).split("\n\n")
    assert overall.splitlines()[0] == "| all 1 questions | recall@1 | recall@5 | recall@10 | mrr@10 |"
    assert overall.splitlines()[3] == "| service | 0.000 | 1.000 | 1.000 | 0.500 |"
    assert by_kind.splitlines()[0] == "| mrr@10 | direct (1) | in en (1) |"
    assert by_kind.splitlines()[3] == "| service | 0.500 | 0.500 |"


def test_the_nearest_vectors_have_the_highest_cosine() -> None:
    vectors = [array("f", [0.0, 1.0]), array("f", [1.0, 0.0]), array("f", [0.6, 0.8])]
    assert [index for index, _ in nearest(array("f", [1.0, 0.0]), vectors, 2)] == [1, 2]


def test_without_texts_no_model_is_started(tmp_path: Path) -> None:
    assert embed([], tmp_path / "cache" / "vectors.sqlite") == []
