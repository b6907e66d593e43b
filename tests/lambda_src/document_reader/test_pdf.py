import random
import struct
import time
from pathlib import Path

import pytest

from dev.evaluation.questions import read_questions
from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.pages import Page, page_from_text
from lambda_src.document_reader.reader import open_document
from lambda_src.document_reader.sentences import MAX_CHARACTERS
from lambda_src.hr_qa.ingestion.chunking import chunk_pages
from tests.handbooks import FOLDER, MAX_PAGES, pages_of, readable
from tests.pdfs import Sheet, Text, paragraph, text_pdf, write_pdf

QUESTIONS = Path(__file__).resolve().parents[3] / "dev" / "evaluation" / "questions" / "dev.jsonl"
SENTENCE = "All of the staff may take leave on every working day of the year, as is said below."


def read(path: Path) -> list[Page]:
    with open_document(path, MAX_PAGES) as document:
        return document.read(1, document.page_count)


def flat(text: str) -> str:
    return " ".join(text.split())


def of_kind(page: Page, kind: str) -> list[str]:
    return [block.text for block in page.blocks if block.kind == kind]


# Real documents.


def test_every_evidence_is_in_the_text_of_its_page() -> None:
    missing = [
        (question.id, place.document, number)
        for question in read_questions(QUESTIONS)
        for place in question.evidences
        for number in place.pages
        if flat(place.evidence) not in flat(pages_of(place.document)[number - 1].text)
    ]
    assert missing == []


@pytest.mark.parametrize("name", readable())
def test_ranges_read_like_the_complete_document(name: str) -> None:
    all_pages = pages_of(name)
    with open_document(FOLDER / name, MAX_PAGES) as document:
        parts = [
            page
            for first in range(1, len(all_pages) + 1, 7)
            for page in document.read(first, min(first + 6, len(all_pages)))
        ]
    assert parts == all_pages


def test_a_page_in_the_middle_has_its_headings() -> None:
    with open_document(FOLDER / "tts_leave_handbook.pdf", MAX_PAGES) as document:
        page = document.read(4, 4)[0]
    carried = next(block for block in page.blocks if block.text.startswith("You can carry over"))
    assert page.path == ("Leave Handbook", "Leave types", "Reasons someone can take leave")
    assert carried.path == ("Leave Handbook", "Leave types", "Types of leave", "Annual leave")


def test_headers_and_footers_are_removed() -> None:
    with open_document(FOLDER / "tts_leave_handbook.pdf", MAX_PAGES) as document:
        assert document.furniture() == ("GSA Technology Transformation Services", "Page # of #", "TTS Leave Handbook")
    assert not any("Page 4 of 19" in page.text for page in pages_of("tts_leave_handbook.pdf"))


def test_two_columns_are_read_in_order() -> None:
    text = flat(pages_of("tts_benefits_guide_two_column.pdf")[0].text)
    assert text.index("Submitting benefit forms") < text.index("Healthcare plan") < text.index("Benefits contacts")
    assert "walked through the process to upload documents, add beneficiaries" in text


def test_a_table_keeps_its_rows() -> None:
    rows = [block for block in pages_of("tts_leave_handbook.pdf")[3].blocks if block.kind == "row"]
    row = next(block for block in rows if block.text.startswith("Between"))
    assert row.text == "Between 3 and 15 years\t6 hours per pay period"
    assert row.columns == ("Length of federal service", "Annual leave accrual")


def test_separate_bullets_are_removed_and_items_stay_separate() -> None:
    page = pages_of("tts_leave_handbook.pdf")[3]
    assert "•" not in page.text
    assert {"Advanced Annual Leave", "Advanced Sick Leave"} <= set(of_kind(page, "paragraph"))


def test_a_hyphenated_compound_keeps_its_hyphen_at_a_line_end() -> None:
    assert "a two-week annual" in flat(pages_of("tts_leave_handbook.pdf")[6].text)
    assert not any(mark in page.text for name in readable() for page in pages_of(name) for mark in "\x02\ufffe\xad")


def test_a_scan_needs_ocr() -> None:
    pages = pages_of("tts_veterans_resources_scanned.pdf")
    assert [(page.has_text, page.needs_ocr) for page in pages] == [(False, True)] * 2
    assert all(page.has_text for page in pages_of("osio_labs_employee_handbook.pdf"))


def test_a_page_is_rendered_as_a_grayscale_png() -> None:
    with open_document(FOLDER / "tts_veterans_resources_scanned.pdf", MAX_PAGES) as document:
        png = document.render_png(1, 100)
    width, height, depth, color = struct.unpack(">IIBB", png[16:26])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert (width, height, depth, color) == (850, 1101, 8, 0)


# Unreadable documents.


@pytest.mark.parametrize(
    ("name", "code"),
    [("tts_code_of_conduct_encrypted.pdf", "encrypted"), ("tts_conferences_training_corrupt.pdf", "damaged")],
)
def test_an_unreadable_handbook_is_refused_with_advice(name: str, code: str) -> None:
    with pytest.raises(UnreadableFileError, match="upload") as raised, open_document(FOLDER / name, MAX_PAGES):
        pass
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"PK\x03\x04 a Word document", "damaged"),
        (b" " * 1024 + b"%PDF-1.7", "unsupported_type"),
        (b"%PDF-1.7 and nothing else", "damaged"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "upload.pdf"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError) as raised, open_document(path, MAX_PAGES):
        pass
    assert raised.value.code == code


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "long.pdf", [Sheet()] * 3)
    with pytest.raises(UnreadableFileError, match="has 3 pages, at most 2") as raised, open_document(path, 2):
        pass
    assert raised.value.code == "too_many_pages"


def test_a_document_without_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as raised, open_document(write_pdf(tmp_path / "none.pdf", []), MAX_PAGES):
        pass
    assert raised.value.code in ("empty", "damaged")


@pytest.mark.parametrize("name", ["clef_employee_handbook.pdf", "tts_travel_policy_faq.pdf"])
def test_broken_files_are_read_or_refused_without_a_crash(tmp_path: Path, name: str) -> None:
    rng = random.Random(7)
    content = (FOLDER / name).read_bytes()
    path = tmp_path / "broken.pdf"
    rounds, refused = 30, 0
    for round_number in range(rounds):
        data = bytearray(content[: rng.randrange(len(content))] if round_number % 2 else content)
        for _ in range(rng.choice([0, 1, 20, 400])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            with open_document(path, MAX_PAGES) as document:
                document.read(1, min(document.page_count, 3))
        except UnreadableFileError:
            refused += 1
    assert 0 < refused < rounds


@pytest.mark.parametrize(
    "line",
    [
        "x" * 50_000,
        "x" * 50_000 + "\xa1" + "y" * 40_000,
        "." * 90_000,
        ". " * 45_000,
        "A. " * 30_000,
        "e.g. E" * 15_000,
        "- " * 45_000,
    ],
    ids=["one word", "a hyphenated word", "dots", "spaced dots", "initials", "abbreviations", "dashes"],
)
def test_an_adversarial_page_is_read_quickly(tmp_path: Path, line: str) -> None:
    sheet = Sheet((Text(line, 72, 600, 2),))
    # Wide enough for the complete line.
    path = write_pdf(tmp_path / "a.pdf", [sheet], (0, 0, 200_000, 792), unicode={0xA1: "\ufffe"})
    started = time.process_time()
    chunks = chunk_pages(read(path))
    assert time.process_time() - started < 3
    assert all(len(chunk.text) <= MAX_CHARACTERS for chunk in chunks)


def test_many_short_lines_are_read_quickly(tmp_path: Path) -> None:
    bullets = [Text(mark, x, y, 2) for x in range(70, 540, 10) for y in range(100, 700, 10) for mark in ("•", "x")]
    shrinking = [Text("Heading", 72, 700, 500 - n / 10) for n in range(2000)]
    started = time.process_time()
    pages = read(write_pdf(tmp_path / "a.pdf", [Sheet(tuple(bullets)), Sheet(tuple(shrinking))]))
    assert time.process_time() - started < 5
    assert max(len(block.path) for page in pages for block in page.blocks) <= 8


# Generated documents.


def test_a_sentence_across_lines_is_one_paragraph(tmp_path: Path) -> None:
    lines = ["Staff who have worked here for more than five years may take", "two more weeks of leave each year."]
    texts = (*paragraph(lines, 600), *paragraph([SENTENCE], 550))
    assert of_kind(read(write_pdf(tmp_path / "a.pdf", [Sheet(texts)]))[0], "paragraph") == [" ".join(lines), SENTENCE]


def test_bold_words_at_the_start_of_a_sentence_are_not_a_heading(tmp_path: Path) -> None:
    first = "Staff who have worked here for more than five years may take"
    texts = (
        *paragraph([first], 600, bold=True),
        *paragraph(["two more weeks of leave each year."], 585.7),
        *paragraph(["Sick leave"], 550, bold=True),
        *paragraph([SENTENCE], 530),
    )
    page = read(write_pdf(tmp_path / "a.pdf", [Sheet(texts)]))[0]
    assert of_kind(page, "heading") == ["Sick leave"]
    assert page.blocks[-1].path == ("Sick leave",)


def test_larger_type_is_a_heading_and_ends_headings_of_its_size(tmp_path: Path) -> None:
    sheets = [
        Sheet((Text("Leave", 72, 700, 20), Text("Annual leave", 72, 660, 14), *paragraph([SENTENCE], 640))),
        Sheet((Text("Sick leave", 72, 660, 14), *paragraph([SENTENCE], 640), Text("Pay", 72, 500, 20))),
        Sheet(paragraph([SENTENCE], 640)),
    ]
    first, second, third = read(write_pdf(tmp_path / "a.pdf", sheets))
    assert first.blocks[-1].path == ("Leave", "Annual leave")
    assert second.path == ("Leave", "Annual leave")
    assert second.blocks[1].path == ("Leave", "Sick leave")
    assert third.path == ("Pay",)


def test_repeated_lines_are_removed_in_the_margins_only(tmp_path: Path) -> None:
    sheets = [
        Sheet(
            (
                Text("Handbook", 72, 770, 8),
                Text(f"- {n} -", 300, 20, 8),
                Text("Handbook", 72, 500),
                *paragraph([SENTENCE], 400),
            )
        )
        for n in range(1, 5)
    ]
    assert [page.text for page in read(write_pdf(tmp_path / "a.pdf", sheets))] == [f"Handbook\n{SENTENCE}"] * 4


def test_text_beyond_the_crop_box_is_not_read(tmp_path: Path) -> None:
    texts = (*paragraph([SENTENCE], 600), Text("printer's marks", 20, 780), Text("far away", 2000, 600))
    path = write_pdf(tmp_path / "a.pdf", [Sheet(texts, crop=(50, 50, 560, 740))])
    assert read(path)[0].text == SENTENCE


def test_a_large_page_with_an_inherited_size_is_read_completely(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [Sheet(paragraph([SENTENCE], 1500, x=1200))], box=(0, 0, 2000, 2000))
    assert read(path)[0].text == SENTENCE


def test_characters_outside_the_basic_plane_do_not_shift_the_lines_after_them(tmp_path: Path) -> None:
    texts = (
        Text("\xa1\xa1\xa1 Welcome to all of us, dear new colleagues!", 72, 700),
        *paragraph([SENTENCE], 660),
        Text("Leave", 72, 600, 20),
    )
    page = read(write_pdf(tmp_path / "a.pdf", [Sheet(texts)], unicode={0xA1: "\U0001f600"}))[0]
    assert page.blocks[0].text.startswith("\U0001f600\U0001f600\U0001f600 Welcome")
    assert of_kind(page, "heading") == ["Leave"]


def test_a_page_of_graphics_needs_ocr_and_an_empty_page_does_not(tmp_path: Path) -> None:
    empty, picture, stamp = read(
        write_pdf(tmp_path / "a.pdf", [Sheet(), Sheet(picture=True), Sheet((Text("No. 7", 500, 400),), picture=True)])
    )
    assert (empty.has_text, empty.needs_ocr) == (False, False)
    assert (picture.has_text, picture.needs_ocr) == (False, True)
    assert (stamp.has_text, stamp.needs_ocr) == (False, True)


def test_a_page_outside_the_document_is_a_value_error(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [Sheet()])
    with open_document(path, MAX_PAGES) as document, pytest.raises(ValueError, match="no page 2 of 1"):
        document.read(2, 2)


def test_recognized_text_becomes_paragraphs_under_the_scans_headings() -> None:
    page = page_from_text(
        3, ["Veterans may take", "five more days, reim-", "bursed.", "", " \u200b", "Ask\u00a0us."], ("Leave",)
    )
    assert [block.text for block in page.blocks] == ["Veterans may take five more days, reimbursed.", "Ask us."]
    assert (page.number, page.path, page.blocks[0].path, page.has_text) == (3, ("Leave",), ("Leave",), True)


@pytest.mark.parametrize("first_range", [(1, 2), (2, 2), (4, 4)])
def test_a_range_does_not_depend_on_earlier_reads(tmp_path: Path, first_range: tuple[int, int]) -> None:
    path = tmp_path / "handbook.pdf"
    sentences = ["Parental leave is sixteen weeks.", "Sick leave needs a note.", "Holidays can be carried over.", "End"]
    path.write_bytes(
        text_pdf([[f"# Chapter {name}", name, sentence] for name, sentence in zip("abcd", sentences, strict=True)])
    )

    with open_document(path, 10) as fresh:
        expected = fresh.read(3, 4)
    with open_document(path, 10) as used:
        used.read(*first_range)

        assert used.read(3, 4) == expected


# Layout, by position.


def test_columns_that_are_drawn_line_by_line_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = ["Employees who have worked here for", "more than five years may take two", "more weeks of leave each year."]
    right = [
        "Sick leave is paid from the first day",
        "on. A certificate is needed from the",
        "third day of the illness on.",
    ]
    texts = [
        text
        for number, pair in enumerate(zip(left, right, strict=True))
        for text in (Text(pair[0], 72, 700 - 14 * number), Text(pair[1], 320, 700 - 14 * number))
    ]
    page = read(write_pdf(tmp_path / "a.pdf", [Sheet(tuple(texts))]))[0]
    assert [block.text for block in page.blocks] == [" ".join(left), " ".join(right)]


def test_wrapped_cells_belong_to_their_row(tmp_path: Path) -> None:
    texts = (
        *(Text(name, x, 700) for name, x in (("Type of leave", 72), ("Days", 220), ("Remarks", 320))),
        *paragraph(["Maternity leave for", "mothers of twins"], 680),
        Text("120", 220, 680),
        Text("with full pay", 320, 680),
        *(Text(cell, x, 645) for cell, x in (("Paternity leave", 72), ("by agreement", 320))),
        *(Text(cell, x, 625) for cell, x in (("Study leave", 72), ("5", 220))),
    )
    page = read(write_pdf(tmp_path / "a.pdf", [Sheet(texts)]))[0]
    assert of_kind(page, "row") == [
        "Type of leave\tDays\tRemarks",
        "Maternity leave for mothers of twins\t120\twith full pay",
        "Paternity leave\t\tby agreement",
        "Study leave\t5",
    ]
    assert {block.columns for block in page.blocks} == {("Type of leave", "Days", "Remarks")}


def test_a_table_on_the_next_page_has_the_names_of_its_columns(tmp_path: Path) -> None:
    def rows(first: int) -> list[Text]:
        return [
            Text(cell, x, 680 - 20 * row)
            for row in range(3)
            for cell, x in ((f"Group {chr(65 + first + row)}", 72), (f"{first + row} days", 300), ("8 hours", 450))
        ]

    names = [Text(name, x, 700, bold=True) for name, x in (("Position", 72), ("Leave", 300), ("Week", 450))]
    sheets = [Sheet((*names, *rows(1))), Sheet(tuple(rows(4)))]
    second = read(write_pdf(tmp_path / "a.pdf", sheets))[1]
    assert {block.columns for block in second.blocks} == {("Position", "Leave", "Week")}


def test_titles_and_amounts_that_change_with_the_page_stay(tmp_path: Path) -> None:
    sheets = [
        Sheet(
            (
                Text(f"Pay grade {number}", 72, 770, 14),
                Text(f"Maximum allowance: {450 + number}", 72, 750),
                Text("Handbook 2026", 72, 30, 8),
                Text(f"Page {number} of 4", 500, 30, 8),
                *paragraph([SENTENCE], 600),
            )
        )
        for number in range(1, 5)
    ]
    pages = read(write_pdf(tmp_path / "a.pdf", sheets))
    assert pages[1].text == f"Pay grade 2\nMaximum allowance: 452\n{SENTENCE}"


def test_a_sentence_on_two_pages_is_complete_on_both(tmp_path: Path) -> None:
    start = ["Employees who leave before the end of the probation period of six", "months are not entitled to the"]
    sheets = [
        Sheet((*paragraph([SENTENCE], 600), *paragraph(start, 110), Text("1", 500, 30, 8))),
        Sheet((*paragraph(["bonus of the year. They may return."], 720), Text("2", 500, 30, 8))),
    ]
    pages = read(write_pdf(tmp_path / "a.pdf", sheets))
    first, second = (chunk_pages([page])[-1].text for page in pages)
    assert first.endswith(" ".join(start) + " \fbonus of the year.")
    assert second == " ".join(start) + "\f bonus of the year. They may return."


def test_marks_in_headings_and_raised_letters(tmp_path: Path) -> None:
    texts = (
        Text("Parental leave", 72, 700, 14, bold=True),
        Text("2", 72 + 96.5, 705, 8),
        *paragraph([SENTENCE], 680),
        Text("It ends on the 1", 72, 600),
        Text("st", 148.5, 604, 7),
        Text("of May.", 158, 600),
    )
    page = read(write_pdf(tmp_path / "a.pdf", [Sheet(texts)]))[0]
    assert of_kind(page, "heading") == ["Parental leave"]
    assert page.blocks[-1].text == "It ends on the 1st of May."
