"""Small PDFs that a reader of the content stream gets wrong, with what is on their pages."""

from pathlib import Path

import pytest

from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.pages import Page
from lambda_src.document_reader.reader import open_document
from lambda_src.hr_qa.chunk import Chunk, by_page, labeled_row
from lambda_src.hr_qa.ingestion.chunking import chunk_pages

FOLDER = Path(__file__).resolve().parents[2] / "faulty_pdfs"


def pages_of(name: str) -> list[Page]:
    with open_document(FOLDER / name, 100) as document:
        return document.read(1, document.page_count)


def chunks_of(name: str) -> list[Chunk]:
    return chunk_pages(pages_of(name))


def sentences_of(name: str) -> list[tuple[int, str]]:
    """The page and the text of each sentence, as a model sees it."""
    return [
        (chunk.page, labeled_row(chunk.text[start:end], chunk.heading))
        for chunk in chunks_of(name)
        for start, end in zip(chunk.sentences, (*chunk.sentences[1:], None), strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("superscript_digit_min.pdf", "Sick leave is 10 days a year."),
        ("superscript_digit_min.pdf", "The meal allowance is $45* a day."),
        ("superscript_digit_min.pdf", "(2) 30 days of notice are required."),
        ("superscript_digit_min.pdf", "The plant makes 5 x 10^6 parts a year."),
        ("superscript_digit_min.pdf", "The notice period is 14 (fourteen) days."),
        ("superscript_digit_min.pdf", "Overtime is paid at 150% of the rate."),
        ("superscript_digit_min.pdf", "Holidays are 11² days a year."),
        ("footnote_markers.pdf", "Full-time employees receive 10 days of sick leave a year."),
        ("footnote_markers.pdf", "New parents receive 12 weeks of paid parental leave."),
        ("footnote_markers.pdf", "The home office allowance is $320."),
        ("footnote_markers.pdf", "The daily meal rate is 45 dollars."),
        ("footnote_markers.pdf", "Years of service: 6 to 10 | Annual leave days: 20"),
        (
            "footnote_splits_sentence.pdf",
            "Full-time employees receive ten days of sick leave a year, but only after they have handed in the "
            "certificate of a physician and the form of the insurance.",
        ),
        ("table_empty_cells.pdf", "Benefit: Company car | Manager: yes"),
        ("table_empty_cells.pdf", "Benefit: Meal vouchers | Part-time: 5 a week | Manager: 10 a week"),
        ("table_empty_cells.pdf", "Benefit: Home office days | Full-time: 2 | Manager: 4"),
        ("table_empty_cells.pdf", "Benefit: Parking space | Part-time: 1"),
        ("filled_form.pdf", "Monthly contribution: 185 dollars"),
        ("filled_form.pdf", "Private use allowed | ☑"),
        ("filled_form.pdf", "Fuel card: Diesel"),
        ("rotated_90.pdf", "Years: 20 | Days: 7 | Hours: 56"),
        ("one_long_page.pdf", "The company dog is called Bartholomew and likes to be walked at noon."),
        ("russian.pdf", "Отпуск по беременности и родам составляет 140 календарных дней."),
        ("japanese_rules.pdf", "本人が結婚するときは五日、配偶者が出産するときは二日の特別休暇を与える。"),
    ],
)
def test_a_sentence_is_what_the_page_shows(name: str, sentence: str) -> None:
    assert (1, sentence) in sentences_of(name)


def test_titles_that_tell_pages_apart_stay() -> None:
    assert [(chunk.page, chunk.text) for chunk in chunks_of("two_pages_titles.pdf")] == [
        (1, "Group 1\nMembers of this group have 12 days of leave a year."),
        (2, "Group 2\nMembers of this group have 30 days of leave a year."),
    ]


def test_every_chunk_of_a_long_table_has_the_names_of_its_columns() -> None:
    chunks = chunks_of("table_repeated_head.pdf")
    names = "Position\tProbation (weeks)\tNotice (weeks)\tTraining (days)"
    assert len(chunks) > 3
    assert all(names in chunk.text and chunk.heading.endswith(f" > {names}") for chunk in chunks)
    row = "Position: Welder, junior | Probation (weeks): 11 | Notice (weeks): 11 | Training (days): 18"
    assert (1, row) in sentences_of("table_repeated_head.pdf")


def test_headings_that_are_drawn_last_are_above_their_text() -> None:
    first, second = pages_of("headings_drawn_last.pdf")
    leave = next(block for block in first.blocks if block.text.startswith("Up to 16 weeks"))
    assert leave.path == ("Parental leave",)
    assert "Notice period\t6 weeks" in second.text


def test_a_page_that_is_turned_is_read_in_the_order_of_its_lines() -> None:
    assert (
        pages_of("rotated_90.pdf")[0]
        .blocks[1]
        .text.startswith(
            "Employees who have worked for more than ten years receive an additional week of annual leave, which has "
            "to be taken before the end of March of the following year."
        )
    )


def test_characters_of_scripts_without_spaces_are_joined_without_them() -> None:
    assert all(" " not in text for _, text in sentences_of("japanese_rules.pdf"))


def test_files_within_a_pdf_are_counted() -> None:
    with open_document(FOLDER / "portfolio.pdf", 10) as document:
        assert document.embedded_files == 1


def test_the_placeholder_of_an_xfa_form_is_no_content() -> None:
    with (
        pytest.raises(UnreadableFileError, match="print it to a new PDF") as raised,
        open_document(FOLDER / "xfa_placeholder.pdf", 10),
    ):
        pass
    assert raised.value.code == "xfa_form"


def test_a_damaged_file_is_damaged_also_after_a_protected_one() -> None:
    protected = FOLDER.parent.parent / "samples" / "handbooks" / "tts_code_of_conduct_encrypted.pdf"
    for path, code in ((protected, "encrypted"), (FOLDER / "no_page_tree_min.pdf", "damaged")):
        with pytest.raises(UnreadableFileError) as raised, open_document(path, 10):
            pass
        assert raised.value.code == code


def test_parts_of_a_sentence_know_their_pages() -> None:
    assert by_page("begun\f and ended here") == [(-1, "begun"), (0, "and ended here")]
    assert by_page("begun here \fand ended") == [(0, "begun here"), (1, "and ended")]
    assert by_page("begun\f on \fended") == [(-1, "begun"), (0, "on"), (1, "ended")]
    assert by_page("here") == [(0, "here")]
