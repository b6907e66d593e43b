import pytest

from lambda_src.document_reader.pages import Block, Page
from lambda_src.document_reader.sentences import MAX_CHARACTERS, sentences
from lambda_src.hr_qa.chunk import Chunk
from lambda_src.hr_qa.ingestion.chunking import chunk_pages, embedding_text
from tests.handbooks import pages_of, readable


def parts(chunk: Chunk) -> list[str]:
    """The sentences as they are in the text, with the space after them."""
    return [chunk.text[a:b] for a, b in zip(chunk.sentences, (*chunk.sentences[1:], None), strict=True)]


def without_spaces(text: str) -> str:
    return "".join(text.split())


def page(*blocks: Block, number: int = 4) -> Page:
    return Page(number=number, blocks=blocks)


def filler(letter: str, length: int) -> str:
    return (letter * 9 + " ") * (length // 10) + "end."


@pytest.mark.parametrize("name", readable())
def test_chunks_have_the_complete_verbatim_text(name: str) -> None:
    for handbook_page in pages_of(name):
        chunks = chunk_pages([handbook_page])
        is_contents = [block.kind == "contents" for block in handbook_page.blocks[1:]]
        blocks = [
            block.text
            for block, before_contents in zip(handbook_page.blocks, (*is_contents, False), strict=False)
            if block.kind != "contents" and not (block.kind == "heading" and before_contents)
        ]
        assert all("".join(parts(chunk)) == chunk.text for chunk in chunks)
        assert all(len(chunk.text) <= MAX_CHARACTERS for chunk in chunks)
        stored = without_spaces(" ".join(chunk.text for chunk in chunks))
        assert all(without_spaces(sentence) in stored for block in blocks for sentence in sentences(block))
        on_page = without_spaces(
            " ".join(block.before + block.text + block.after for block in handbook_page.blocks if block.text in blocks)
        )
        assert all(without_spaces(part) in on_page for chunk in chunks for part in parts(chunk))


@pytest.mark.parametrize("name", readable())
def test_ordinals_rise_and_do_not_depend_on_the_range(name: str) -> None:
    pages = pages_of(name)
    chunks = chunk_pages(pages)
    ordinals = [chunk.ordinal for chunk in chunks]
    assert ordinals == sorted(set(ordinals))
    middle = len(pages) // 2
    assert chunk_pages(pages[:middle]) + chunk_pages(pages[middle:]) == chunks


def test_most_chunks_have_the_target_size() -> None:
    sizes = sorted(len(chunk.text) for name in readable() for chunk in chunk_pages(pages_of(name)))
    assert sizes[len(sizes) // 4] > 350
    assert sizes[len(sizes) * 49 // 50] <= 700
    assert sizes[-1] <= MAX_CHARACTERS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You may stay. Ask us!  Why? Because.", ["You may stay.", "Ask us!", "Why?", "Because."]),
        ("Leave, e.g. Annual Leave, is 1.5 days.", ["Leave, e.g. Annual Leave, is 1.5 days."]),
        ("Vide Art. 5º da lei nº. 8.112. Parágrafo único.", ["Vide Art. 5º da lei nº. 8.112.", "Parágrafo único."]),
        ("1. Click it. 2. Wait.", ["1. Click it.", "2. Wait."]),
        ("It costs $5. Pay it.", ["It costs $5.", "Pay it."]),
        ("It is 11am U.S. Central.", ["It is 11am U.S. Central."]),
        ('He said "no." Then (he left.) And more.', ['He said "no."', "Then (he left.)", "And more."]),
        ("¿Cuándo? ¡Ahora! Über alles. Às vezes.", ["¿Cuándo?", "¡Ahora!", "Über alles.", "Às vezes."]),
        ("no capital after this dot. so it goes on.", ["no capital after this dot. so it goes on."]),
        ("", []),
    ],
)
def test_text_is_split_into_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_very_long_sentence_is_split_at_pauses_and_words() -> None:
    listed = "; ".join(f"item number {n} of the list" for n in range(100))
    unbroken = "x" * 2500
    for text in (listed, unbroken, listed.replace(";", "")):
        pieces = sentences(text)
        assert all(len(sentence) <= MAX_CHARACTERS for sentence in pieces)
        assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert all(sentence.endswith(("list", "list;")) for sentence in sentences(listed))


def test_a_chunk_starts_with_the_last_sentence_of_the_previous_one() -> None:
    a, b, c = (filler(letter, 240) for letter in "ABC")
    first, second = chunk_pages([page(Block(f"{a} {b} {c}"))])
    assert parts(first) == [f"{a} ", b]
    assert parts(second) == [f"{b} ", c]
    assert (first.ordinal, second.ordinal, second.page) == (40000, 40001, 4)


def test_chunks_of_different_sections_do_not_overlap() -> None:
    first, second = chunk_pages(
        [page(Block(filler("a", 500), path=("A",)), Block("B", "heading"), Block(filler("b", 400), path=("B",)))]
    )
    assert (first.heading, second.heading) == ("A", "B")
    assert second.text.startswith("B\nbbbb")


def test_a_heading_stays_with_its_section() -> None:
    blocks = (
        Block(filler("a", 640), path=("A",)),
        Block("Part B", "heading"),
        Block(filler("b", 100), path=("Part B",)),
    )
    assert [chunk.text.split("\n")[0][:6] for chunk in chunk_pages([page(*blocks)])] == ["aaaaaa", "Part B"]


def test_small_sections_share_a_chunk_with_their_common_heading() -> None:
    blocks = (
        Block("Sick leave", "heading", ("Leave",)),
        Block("Call us.", path=("Leave", "Sick leave")),
        Block("Court leave", "heading", ("Leave",)),
        Block("Show the letter.", path=("Leave", "Court leave")),
    )
    (chunk,) = chunk_pages([page(*blocks)])
    assert chunk.heading == "Leave"
    assert parts(chunk) == ["Sick leave\n", "Call us.\n", "Court leave\n", "Show the letter."]


def test_rows_and_list_items_are_separate_sentences() -> None:
    (chunk,) = chunk_pages([page(Block("Day Hours", "row"), Block("Mon. Tue. 8", "row"), Block("bring a pen"))])
    assert parts(chunk) == ["Day Hours\n", "Mon. Tue. 8\n", "bring a pen"]


def test_a_table_of_contents_has_no_chunks() -> None:
    assert chunk_pages([page(Block("Leave ........ 4", "contents"))]) == []


def test_a_chunk_of_unclear_language_has_its_pages_language() -> None:
    blocks = (Block(filler("Wir", 10) + " Das ist nicht der Urlaub, den wir meinen. " * 20), Block("Mo 8 12", "row"))
    chunks = chunk_pages([page(*blocks)])
    assert {chunk.language for chunk in chunks} == {"de"}


def test_the_embedded_text_has_title_and_headings() -> None:
    chunk = Chunk(
        ordinal=1, page=1, heading="Leave Handbook > Sick leave", text="Call us.", sentences=(0,), language="en"
    )
    assert embedding_text("TTS", chunk) == "TTS\nLeave Handbook > Sick leave\nCall us."
    assert embedding_text("Leave handbook", chunk) == "Leave handbook\nSick leave\nCall us."
