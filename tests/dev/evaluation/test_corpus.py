from pathlib import Path

from dev.evaluation.corpus import read_folder


def test_documents_of_all_types_are_read_and_titled_by_their_first_heading(tmp_path: Path) -> None:
    (tmp_path / "rules_fr.md").write_text("# Règlement\n\nUn mariage donne droit à cinq jours.\n")
    (tmp_path / "travel_rules.txt").write_text("Trains are paid by the company.\n")
    (tmp_path / "broken.pdf").write_text("no PDF")
    (tmp_path / "README.md").write_text("# About\n\nAbout this folder.\n")
    (tmp_path / "questions.jsonl").write_text("{}")

    documents, refused = read_folder(tmp_path)

    assert [(each.name, each.title) for each in documents] == [
        ("rules_fr.md", "Règlement"),
        ("travel_rules.txt", "travel rules"),
    ]
    assert [chunk.page for chunk in documents[0].chunks] == [1]
    assert refused == {"broken.pdf": "unsupported_type"}
