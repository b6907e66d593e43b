"""HR Q&A's page."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.browser import Visit
from tests.ui.fake_api import HOSTILE, FakeApi, Refusal
from tests.ui.fake_hr_qa import HANDBOOK, QUOTE, HrQa

PATH = "hr-qa"


@pytest.fixture
def hr(api: FakeApi) -> HrQa:
    service: HrQa = api.services[PATH]
    return service


def _ask(page: Any, question: str = "How many hours can I carry over?", button: str = "Ask") -> None:
    page.get_by_role("textbox").first.fill(question)
    page.get_by_role("button", name=button, exact=True).click()


def _choose_file(page: Any, name: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files([{"name": name, "mimeType": "application/pdf", "buffer": content}])
    page.get_by_text(name).first.wait_for()


def test_from_a_file_to_the_marked_page(visit: Callable[..., Visit], api: FakeApi, hr: HrQa) -> None:
    hr.reading = [{"status": "processing", "pages": 15, "pagesDone": done} for done in (0, 6)]
    looking = visit()
    page = looking.open(PATH)
    _choose_file(page, "Leave handbook.pdf", HANDBOOK.read_bytes())
    page.get_by_role("button", name="Add to the documents").click()
    page.get_by_text("6 of 15 pages read").wait_for()
    assert looking.barriers() == []
    page.get_by_text("Ready", exact=True).wait_for()
    (announced,) = api.posts("/documents")
    assert announced.body["bytes"] == HANDBOOK.stat().st_size
    assert set(announced.body) == {"name", "contentType", "bytes", "sha256"}
    assert list(hr.files.values()) == [HANDBOOK.read_bytes()]
    looking.settle()
    _ask(page)
    page.get_by_text(QUOTE).wait_for()
    page.get_by_text("See it on page 4").click()
    page.get_by_role("img", name="Leave handbook.pdf, page 4").wait_for()
    looking.settle()
    assert page.get_by_text("could not be marked").count() == 0
    assert api.posts("/questions")[0].body == {"question": "How many hours can I carry over?"}
    assert looking.barriers() == []


def test_portuguese_at_400_pixels(visit: Callable[..., Visit], api: FakeApi, hr: HrQa) -> None:
    hr.add("Manual de férias com um nome muito comprido, de uma só vez, edição de 2026.pdf", pagesWithoutText=3)
    hr.add("Manual que falhou.pdf", "failed", error={"code": "encrypted", "message": "The PDF is protected."})
    looking = visit(width=400, language="pt", scheme="dark")
    page = looking.open(PATH)
    _ask(page, "Quantas horas?", "Perguntar")
    page.get_by_text("Ver na página 4").click()
    page.locator("[class*=st-key-citation-] img").wait_for()
    looking.settle()
    assert page.get_by_text("O PDF está protegido por senha.").count() == 1
    assert page.get_by_text("Código: encrypted").count() == 1
    assert looking.overflow() <= 0
    assert looking.barriers() == []


def test_what_the_documents_do_not_say_is_no_error(visit: Callable[..., Visit], hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    hr.answers = [{"answer": "The documents do not answer this question.", "answered": False, "citations": []}]
    looking = visit()
    page = looking.open(PATH)
    _ask(page, "What is the capital of France?")
    page.get_by_text("Not in the documents").wait_for()
    assert page.get_by_text("The documents do not answer this question.").is_visible()
    assert page.get_by_role("alert").count() == 0
    assert page.get_by_text("Where it stands").count() == 0


def test_hostile_words_are_text(visit: Callable[..., Visit], hr: HrQa) -> None:
    document = hr.add(HOSTILE)
    hr.add(HOSTILE, "failed", error={"code": "<b>new</b>", "message": HOSTILE})
    hr.answers = [{"answer": HOSTILE, "answered": True, "citations": [hr.citation(document, HOSTILE, HOSTILE)]}]
    looking = visit()
    page = looking.open(PATH)
    _ask(page, HOSTILE)
    page.get_by_text(HOSTILE, exact=True).first.wait_for()
    page.get_by_text("See it on page 4").click()
    page.get_by_text("could not be marked").wait_for()
    page.get_by_role("combobox").first.click()
    looking.settle()
    # The answer, its quote, two documents, one's message.
    assert page.locator("p, blockquote").get_by_text(HOSTILE, exact=True).count() >= 3
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("dialog").get_by_text("<script>").wait_for()
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0
    assert page.locator("b", has_text="bold").count() == 0


def test_an_error_keeps_the_question(visit: Callable[..., Visit], api: FakeApi, hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    looking = visit()
    page = looking.open(PATH)
    api.refusals.append(Refusal(503, "unavailable", retry_after=9))
    _ask(page)
    page.get_by_text("The model or its store is not reachable.").wait_for()
    assert page.get_by_role("textbox").first.input_value() == "How many hours can I carry over?"
    # Sooner it would be a double click.
    page.wait_for_timeout(700)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text(QUOTE).wait_for()
    assert len({call.key for call in api.posts("/questions")}) == 1


def test_a_refused_file_leaves_no_document_and_stays_in_the_field(
    visit: Callable[..., Visit], api: FakeApi, hr: HrQa
) -> None:
    hr.refuse_files = 1
    looking = visit()
    page = looking.open(PATH)
    _choose_file(page, "Handbook.pdf", HANDBOOK.read_bytes())
    page.get_by_role("button", name="Add to the documents").click()
    page.get_by_text("Something broke on the API's side.").wait_for()
    assert hr.documents == []
    page.get_by_role("button", name="Add to the documents").click()
    page.get_by_text("Ready", exact=True).wait_for()
    assert len(hr.documents) == 1


def test_a_double_click_sends_a_file_once(visit: Callable[..., Visit], api: FakeApi, hr: HrQa) -> None:
    looking = visit()
    page = looking.open(PATH)
    # The second click comes while the first one's request is under way.
    api.seconds = 0.5
    _choose_file(page, "Handbook.pdf", HANDBOOK.read_bytes())
    page.get_by_role("button", name="Add to the documents").dblclick()
    page.get_by_text("Ready", exact=True).first.wait_for()
    looking.settle()
    assert len(hr.documents) == 1
    assert page.get_by_text("Choose a PDF first.").count() == 0


def test_what_is_no_pdf_is_not_sent_and_the_others_are(visit: Callable[..., Visit], hr: HrQa) -> None:
    page = visit().open(PATH)
    files = {"letter.pdf": b"Dear Sir or Madam", "Handbook.pdf": HANDBOOK.read_bytes()}
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "application/pdf", "buffer": content} for name, content in files.items()]
    )
    page.get_by_text("Handbook.pdf").first.wait_for()
    page.get_by_role("button", name="Add to the documents").click()
    page.get_by_text("Ready", exact=True).wait_for()
    # It still stands there when the other one's state has changed.
    assert page.get_by_text("The file is not a PDF.").is_visible()
    assert [one["name"] for one in hr.documents] == ["Handbook.pdf"]


def test_deleting_asks_first(visit: Callable[..., Visit], hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = visit().open(PATH)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_text("Handbook.pdf").wait_for()
    assert len(hr.documents) == 1
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No documents yet.").wait_for()
    assert hr.documents == []


def test_the_sample_is_sent(app: Callable[..., AppTest], hr: HrQa) -> None:
    page = app("hr_qa")
    next(one for one in page.button if one.label == "Take a sample handbook").click().run()
    assert [one["name"] for one in hr.documents] == [HANDBOOK.name]


def test_nothing_is_sent_without_a_file(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("hr_qa")
    next(one for one in page.button if one.label == "Add to the documents").click().run()
    assert [one.value for one in page.warning] == ["Choose a PDF first."]
    assert api.posts("/documents") == []


def test_documents_and_language_are_sent(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    chosen = hr.add("Handbook.pdf")
    hr.add("Another.pdf")
    hr.add("Not ready.pdf", "processing", pages=9, pagesDone=1)
    page = app("hr_qa")
    assert sorted(page.multiselect[0].options) == ["Another.pdf", "Handbook.pdf"]
    page.text_area[0].set_value("  How many hours? ")
    page.multiselect[0].set_value([chosen])
    page.selectbox[0].set_value("pt")
    next(one for one in page.button if one.label == "Ask").click().run()
    expected = {"question": "How many hours?", "documents": [chosen], "language": "pt"}
    assert api.posts("/questions")[0].body == expected
    assert not page.exception


def test_nothing_is_sent_without_a_question(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = app("hr_qa")
    next(one for one in page.button if one.label == "Ask").click().run()
    assert [one.value for one in page.warning] == ["Write a question first, or take one above."]
    assert api.posts("/questions") == []


@pytest.mark.parametrize("status", ["awaitingUpload", "processing", "ready", "failed", "deleting"])
def test_every_state_is_words(app: Callable[..., AppTest], hr: HrQa, status: str) -> None:
    hr.add("Handbook.pdf", status)
    page = app("hr_qa")
    words = {
        "awaitingUpload": "Waiting for its file", "processing": "Being read", "ready": "Ready",
        "failed": "Could not be read", "deleting": "Being deleted",
    }  # fmt: skip
    assert any(f">{words[status]}</span>" in one.proto.body for one in page.get("html"))


def test_the_list_goes_on(app: Callable[..., AppTest], hr: HrQa) -> None:
    for number in range(23):
        hr.add(f"Handbook {number}.pdf")
    page = app("hr_qa")
    assert len([one for one in page.button if one.label == "Delete"]) == 20
    page.button(key="hr more").click().run()
    assert len([one for one in page.button if one.label == "Delete"]) == 23
