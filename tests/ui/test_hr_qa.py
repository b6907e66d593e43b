"""The HR Q&A page."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import click, html, warnings
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, ErrorResponse, FakeApi
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


def test_from_an_upload_to_the_highlighted_page(
    new_session: Callable[..., BrowserSession], api: FakeApi, hr: HrQa
) -> None:
    hr.processing_states = [{"status": "processing", "pages": 15, "pagesDone": done} for done in (0, 6)]
    hr.is_paused = True
    session = new_session()
    page = session.open(PATH)
    _choose_file(page, "Leave handbook.pdf", HANDBOOK.read_bytes())
    page.get_by_role("button", name="Add documents").click()
    page.get_by_text("6 of 15 pages processed").wait_for()
    assert session.accessibility_violations() == []
    hr.is_paused = False
    session.badge("Ready").wait_for()
    (created,) = api.posts("/documents")
    assert created.body["bytes"] == HANDBOOK.stat().st_size
    assert set(created.body) == {"name", "contentType", "bytes", "sha256"}
    assert list(hr.files.values()) == [HANDBOOK.read_bytes()]
    session.wait_until_idle()
    _ask(page)
    page.get_by_text(QUOTE).wait_for()
    page.get_by_text("Show page 4").click()
    page.get_by_role("img", name="Leave handbook.pdf, page 4").wait_for()
    session.wait_until_idle()
    assert page.get_by_text("couldn't be highlighted").count() == 0
    assert api.posts("/questions")[0].body == {"question": "How many hours can I carry over?"}
    assert session.accessibility_violations() == []


def test_portuguese_on_a_phone(new_session: Callable[..., BrowserSession], api: FakeApi, hr: HrQa) -> None:
    hr.add(
        "Manual de férias com um nome muito comprido, de uma só vez, edição de 2026.pdf",
        pagesWithoutText=3,
        hiddenCharacters=28,
    )
    hr.add("Manual que falhou.pdf", "failed", error={"code": "encrypted", "message": "The PDF is protected."})
    session = new_session(width=400, language="pt", scheme="dark")
    page = session.open(PATH)
    _ask(page, "Quantas horas?", "Perguntar")
    page.get_by_text("Ver na página 4").click()
    page.locator("[class*=st-key-citation-] img").wait_for()
    session.wait_until_idle()
    assert page.get_by_text("O arquivo está protegido por senha.").count() == 1
    # The reason stands there in words.
    assert page.get_by_text("Código: encrypted").count() == 0
    assert page.get_by_text("caracteres ocultos, ignorados: 28").count() == 1
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


def test_an_unanswered_question_is_not_an_error(new_session: Callable[..., BrowserSession], hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    hr.answers = [{"answer": "The documents do not answer this question.", "answered": False, "citations": []}]
    session = new_session()
    page = session.open(PATH)
    _ask(page, "What is the capital of France?")
    page.get_by_text("Not in the documents").wait_for()
    assert page.get_by_text("The documents do not answer this question.").is_visible()
    assert page.get_by_role("alert").count() == 0
    assert page.get_by_text("Sources").count() == 0


def test_html_and_markdown_are_escaped(new_session: Callable[..., BrowserSession], hr: HrQa) -> None:
    document = hr.add(HOSTILE)
    hr.add(HOSTILE, "failed", error={"code": "<b>new</b>", "message": HOSTILE})
    hr.answers = [{"answer": HOSTILE, "answered": True, "citations": [hr.citation(document, HOSTILE, HOSTILE)]}]
    session = new_session()
    page = session.open(PATH)
    _ask(page, HOSTILE)
    page.get_by_text(HOSTILE, exact=True).first.wait_for()
    page.get_by_text("Show page 4").click()
    page.get_by_text("couldn't be highlighted").wait_for()
    page.get_by_role("combobox").first.click()
    session.wait_until_idle()
    # The answer, its quote, the names of two documents, and the message of one.
    assert page.locator("p, blockquote").get_by_text(HOSTILE, exact=True).count() >= 3
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("dialog").get_by_text("<script>").wait_for()
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0
    assert page.locator("b", has_text="bold").count() == 0


def test_an_error_keeps_the_question(new_session: Callable[..., BrowserSession], api: FakeApi, hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    session = new_session()
    page = session.open(PATH)
    api.errors.append(ErrorResponse(503, "unavailable", retry_after=9))
    _ask(page)
    page.get_by_text("The model or its storage is unavailable.").wait_for()
    assert page.get_by_role("textbox").first.input_value() == "How many hours can I carry over?"
    session.wait_out_double_click()
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text(QUOTE).wait_for()
    assert len({call.key for call in api.posts("/questions")}) == 1


def test_a_failed_upload_leaves_no_document_and_keeps_the_file_until_it_is_sent_again(
    app: Callable[..., AppTest], hr: HrQa
) -> None:
    hr.failing_uploads = 2
    page = app("hr_qa")
    page.file_uploader[0].upload("Handbook.pdf", b"%PDF-1.7 one").upload("Policy.pdf", b"%PDF-1.7 two")
    click(page, "Add documents")
    assert len(page.error) == 2
    assert hr.documents == []

    page.file_uploader[0].upload("Rules.pdf", b"%PDF-1.7 three")
    click(page, "Add documents")
    assert [document["name"] for document in hr.documents] == ["Rules.pdf"]
    assert len(page.error) == 2

    click(page, "Try again")
    assert [document["name"] for document in hr.documents] == ["Rules.pdf", "Handbook.pdf"]
    click(page, "Discard this file")
    assert len(page.error) == 0
    assert len(hr.documents) == 2


def test_the_field_is_empty_after_an_upload_and_the_next_one_is_about_its_own_files(
    app: Callable[..., AppTest], hr: HrQa
) -> None:
    page = app("hr_qa")
    page.file_uploader[0].upload("empty.pdf", b"").upload("Handbook.pdf", b"%PDF-1.7 one")
    click(page, "Add documents")
    assert "empty.pdf" in "".join(html(page))
    assert page.file_uploader[0].value == []

    page.file_uploader[0].upload("Policy.pdf", b"%PDF-1.7 two")
    click(page, "Add documents")
    assert warnings(page) == []
    assert "empty.pdf" not in "".join(html(page))
    assert [document["name"] for document in hr.documents] == ["Handbook.pdf", "Policy.pdf"]


def test_a_file_that_the_api_refuses_is_not_offered_again(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    api.errors.append(ErrorResponse(400, "invalid_request"))
    page = app("hr_qa")
    page.file_uploader[0].upload("Handbook.pdf", b"%PDF-1.7 one")
    click(page, "Add documents")
    assert len(page.error) == 1
    assert "Try again" not in [button.label for button in page.button]


def test_a_second_click_does_not_replace_why_a_file_was_not_added(app: Callable[..., AppTest]) -> None:
    page = app("hr_qa")
    page.file_uploader[0].upload("empty.txt", b"")
    click(page, "Add documents")
    before = warnings(page)
    click(page, "Add documents")
    assert warnings(page) == before != []


def test_the_request_for_a_file_disappears_when_one_is_chosen(new_session: Callable[..., BrowserSession]) -> None:
    page = new_session().open(PATH)
    page.get_by_role("button", name="Add documents").click()
    request = page.get_by_text("Choose a file first.")
    request.wait_for()
    _choose_file(page, "Handbook.pdf", HANDBOOK.read_bytes())
    request.wait_for(state="hidden")
    page.get_by_role("button", name="Remove Handbook.pdf").click()
    request.wait_for()


def test_a_double_click_uploads_a_file_once(new_session: Callable[..., BrowserSession], api: FakeApi, hr: HrQa) -> None:
    session = new_session()
    page = session.open(PATH)
    # The second click comes while the first request runs.
    api.post_seconds = 0.5
    _choose_file(page, "Handbook.pdf", HANDBOOK.read_bytes())
    page.get_by_role("button", name="Add documents").dblclick()
    session.badge("Ready").wait_for()
    session.wait_until_idle()
    assert len(hr.documents) == 1
    assert page.get_by_text("Choose a file first.").count() == 0


def test_only_files_that_can_be_read_are_uploaded(new_session: Callable[..., BrowserSession], hr: HrQa) -> None:
    session = new_session()
    page = session.open(PATH)
    files = {"letter.pdf": b"Hello", "nothing.txt": b"", "Handbook.pdf": HANDBOOK.read_bytes()}
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "application/pdf", "buffer": content} for name, content in files.items()]
    )
    page.get_by_text("Handbook.pdf").first.wait_for()
    page.get_by_role("button", name="Add documents").click()
    session.badge("Ready").wait_for()
    # The warning is still there after the other file's status changed.
    assert page.get_by_text("The file isn't a PDF, Word").is_visible()
    assert page.get_by_text("The file is empty").is_visible()
    assert [document["name"] for document in hr.documents] == ["Handbook.pdf"]


def test_a_document_without_pages_is_cited_by_its_section(
    new_session: Callable[..., BrowserSession], api: FakeApi, hr: HrQa
) -> None:
    session = new_session()
    page = session.open(PATH)
    _choose_file(page, "rules.md", b"# Leave")
    page.get_by_role("button", name="Add documents").click()
    session.badge("Ready").wait_for()
    (created,) = api.posts("/documents")
    assert created.body["contentType"] == "text/markdown"
    citation = {**hr.citation(hr.documents[0]["id"], "rules.md"), "contentType": "text/markdown", "section": "Leave"}
    hr.answers = [{"answer": QUOTE, "answered": True, "citations": [citation]}]
    _ask(page)
    page.get_by_text("1. rules.md", exact=True).wait_for()
    assert page.get_by_text("Leave", exact=True).is_visible()
    assert page.get_by_text("Show page").count() == 0


def test_deleting_asks_first(new_session: Callable[..., BrowserSession], hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = new_session().open(PATH)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_text("Handbook.pdf").wait_for()
    assert len(hr.documents) == 1
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No documents yet.").wait_for()
    assert hr.documents == []


def test_the_sample_is_uploaded(app: Callable[..., AppTest], hr: HrQa) -> None:
    page = app("hr_qa")
    click(page, "Use a sample handbook")
    assert [document["name"] for document in hr.documents] == [HANDBOOK.name]


def test_nothing_is_sent_without_a_file(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("hr_qa")
    click(page, "Add documents")
    assert warnings(page) == ["Choose a file first."]
    assert api.posts("/documents") == []


def test_documents_and_language_are_sent(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    document_id = hr.add("Handbook.pdf")
    hr.add("Another.pdf")
    hr.add("Not ready.pdf", "processing", pages=9, pagesDone=1)
    page = app("hr_qa")
    assert sorted(page.multiselect[0].options) == ["Another.pdf", "Handbook.pdf"]
    page.text_area[0].set_value("  How many hours? ")
    page.multiselect[0].set_value([document_id])
    page.selectbox[0].set_value("pt")
    click(page, "Ask")
    expected = {"question": "How many hours?", "documents": [document_id], "language": "pt"}
    assert api.posts("/questions")[0].body == expected
    assert not page.exception


def test_nothing_is_sent_without_a_question(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = app("hr_qa")
    click(page, "Ask")
    assert warnings(page) == ["Enter a question first, or use one above."]
    assert api.posts("/questions") == []


@pytest.mark.parametrize("status", ["awaitingUpload", "processing", "ready", "failed", "deleting"])
def test_every_status_has_a_text(app: Callable[..., AppTest], hr: HrQa, status: str) -> None:
    hr.add("Handbook.pdf", status)
    page = app("hr_qa")
    texts = {
        "awaitingUpload": "Waiting for its file", "processing": "Processing", "ready": "Ready",
        "failed": "Failed", "deleting": "Deleting: takes a few minutes",
    }  # fmt: skip
    assert any(f">{texts[status]}</span>" in text for text in html(page))
    # What is being deleted can't be deleted.
    assert [button.label for button in page.button].count("Delete") == (status != "deleting")


def test_the_list_has_more_documents_on_demand(app: Callable[..., AppTest], hr: HrQa) -> None:
    for number in range(23):
        hr.add(f"Handbook {number}.pdf")
    page = app("hr_qa")
    assert len([button for button in page.button if button.label == "Delete"]) == 20
    page.button(key="hr more").click().run()
    assert len([button for button in page.button if button.label == "Delete"]) == 23


def test_questions_can_be_asked_while_the_newest_documents_are_not_ready(app: Callable[..., AppTest], hr: HrQa) -> None:
    oldest = hr.add("Oldest.pdf")
    for number in range(25):
        hr.add(f"Handbook {number}.pdf", "failed", error={"code": "encrypted", "message": "It is protected."})
    page = app("hr_qa")
    assert page.multiselect[0].options == ["Oldest.pdf"]
    page.text_input(key="hr.search").set_value("OLD").run()
    assert "documents: 1" in [caption.value for caption in page.caption]
    assert page.button(key=f"delete hr-qa/documents/{oldest}")


def test_a_file_that_is_in_the_list_is_uploaded_only_on_request(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("hr_qa")
    page.file_uploader[0].upload("Leave.pdf", b"%PDF-1.7 one").upload("Copy.pdf", b"%PDF-1.7 one")
    click(page, "Add documents")
    assert [call.body["name"] for call in api.posts("/documents")] == ["Leave.pdf"]
    assert warnings(page) == ["This file is in the list already, so it was not uploaded again."]

    click(page, "Upload it all the same")
    assert [call.body["name"] for call in api.posts("/documents")] == ["Leave.pdf", "Copy.pdf"]
    assert warnings(page) == []

    page.file_uploader[0].upload("Leave.pdf", b"%PDF-1.7 another edition")
    click(page, "Add documents")
    assert warnings(page) == [
        "A document with this name is in the list already. Delete the old one if this file replaces it."
    ]


SPACES = [{"name": "handbooks", "writable": True}, {"name": "policies", "writable": False}]


def test_documents_of_a_space_are_shown_and_added(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    hr.spaces = SPACES
    hr.add("Mine.pdf")
    hr.add("Shared.pdf", space="handbooks")
    page = app("hr_qa")
    assert "Mine.pdf" in "".join(html(page))
    assert "Shared.pdf" not in "".join(html(page))

    page.selectbox(key="hr.space").select("handbooks").run()

    assert "Shared.pdf" in "".join(html(page))
    assert "Mine.pdf" not in "".join(html(page))
    hr.documents.clear()
    page.session_state["lists"] = {}
    page.run()
    click(page, "Use a sample handbook")
    assert api.posts("/documents")[-1].body["space"] == "handbooks"
    assert hr.documents[0]["space"] == "handbooks"


def test_a_space_to_read_and_a_document_with_a_source_are_not_changed_here(
    app: Callable[..., AppTest], hr: HrQa
) -> None:
    hr.spaces = SPACES
    hr.add("Read only.pdf", space="policies")
    source = {"bucket": "company-policies", "key": f"hr/{HOSTILE}"}
    hr.add("From S3.pdf", space="handbooks", source=source)
    page = app("hr_qa")

    page.selectbox(key="hr.space").select("policies").run()
    assert {button.label for button in page.button} & {"Delete", "Add documents"} == set()
    assert "Read only.pdf" in "".join(html(page))

    page.selectbox(key="hr.space").select("handbooks").run()
    assert "from s3://company-policies/hr/Loud &lt;script&gt;" in "".join(html(page))
    assert {button.label for button in page.button} & {"Delete", "Add documents"} == {"Add documents"}


def test_without_spaces_there_is_no_choice_of_one(app: Callable[..., AppTest], hr: HrQa) -> None:
    hr.add("Mine.pdf")
    page = app("hr_qa")
    assert [box.key for box in page.selectbox if box.key == "hr.space"] == []


def _ask_in_app(page: AppTest, question: str) -> None:
    page.text_area[0].set_value(question)
    click(page, "Ask")
    assert not page.exception


@pytest.mark.usefixtures("no_double_clicks")
def test_a_further_question_is_sent_with_the_topic(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    unanswered = {"answer": "The documents do not say.", "answered": False, "citations": []}
    hr.answers = [unanswered, {"answer": "x" * 10_001, "answered": True, "citations": []}]
    page = app("hr_qa")
    _ask_in_app(page, "How long is maternity leave?")
    assert page.text_area[0].value == ""
    assert "Understood as" not in "".join(html(page))
    _ask_in_app(page, "And for fathers?")
    assert "Understood as: How long is maternity leave? And for fathers?" in "".join(html(page))
    _ask_in_app(page, "Who pays?")

    first = {"question": "How long is maternity leave?", "answer": "The documents do not say."}
    second = {"question": "And for fathers?", "answer": "x" * 10_000}
    bodies = [call.body for call in api.posts("/questions")]
    assert bodies == [
        {"question": "How long is maternity leave?"},
        {"question": "And for fathers?", "history": [first]},
        {"question": "Who pays?", "history": [first, second]},
    ]
    headings = [text for text in html(page) if text.startswith("<h3")]
    assert [text.count("Who pays?") for text in headings] == [1, 0, 0]

    click(page, "New topic")
    assert [text for text in html(page) if text.startswith("<h3")] == []
    _ask_in_app(page, "How many hours?")
    assert api.posts("/questions")[-1].body == {"question": "How many hours?"}


@pytest.mark.usefixtures("no_double_clicks")
def test_a_question_is_asked_again_without_the_topic(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = app("hr_qa")
    _ask_in_app(page, "How long is maternity leave?")
    assert "Ask again without the earlier questions" not in [button.label for button in page.button]
    _ask_in_app(page, "Where can I park?")
    assert "Understood as: How long is maternity leave? Where can I park?" in "".join(html(page))

    click(page, "Ask again without the earlier questions")

    assert api.posts("/questions")[-1].body == {"question": "Where can I park?"}
    assert [text.count("Where can I park?") for text in html(page) if text.startswith("<h3")] == [1]
    assert "Understood as" not in "".join(html(page))


def test_statements_are_numbered_and_grouped_by_document(app: Callable[..., AppTest], hr: HrQa) -> None:
    first, second = hr.add("City <b>handbook</b>.pdf"), hr.add("State handbook.pdf")
    citations = [hr.citation(first, "City <b>handbook</b>.pdf"), hr.citation(second, "State handbook.pdf", page=7)]
    statements = [
        {"text": "The city gives 240 hours.", "citations": [1]},
        {"text": "The state gives <i>80</i>.", "citations": [2]},
        {"text": "Both end in May.", "citations": [2, 1]},
    ]
    text = " ".join(statement["text"] for statement in statements)
    hr.answers = [{"answer": text, "answered": True, "statements": statements, "citations": citations}]
    page = app("hr_qa")
    _ask_in_app(page, "How many hours?")

    city, city_text, state, state_text = [text for text in html(page) if "answer-source" in text or "<sup" in text]
    assert "City &lt;b&gt;handbook&lt;/b&gt;.pdf" in city
    assert "State handbook.pdf" in state
    assert 'The city gives 240 hours.<sup class="citation-number" title="City &lt;b&gt;handbook' in city_text
    assert ">[1]</sup>" in city_text
    assert "The state gives &lt;i&gt;80&lt;/i&gt;.<sup" in state_text
    assert state_text.count("State handbook.pdf, page 7") == 2
    assert state_text.index("[2]</sup>") < state_text.index("[1]</sup>")


def test_the_document_of_an_answer_from_one_is_named_only_with_its_quote(app: Callable[..., AppTest], hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = app("hr_qa")
    _ask_in_app(page, "How many hours?")
    assert "answer-source" not in "".join(html(page))


@pytest.mark.usefixtures("no_double_clicks")
def test_at_most_ten_turns_are_sent(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = app("hr_qa")
    for number in range(12):
        _ask_in_app(page, f"Question {number}?")
    history = api.posts("/questions")[-1].body["history"]
    assert [turn["question"] for turn in history] == [f"Question {number}?" for number in range(1, 11)]


@pytest.mark.usefixtures("no_double_clicks")
def test_an_unchanged_question_is_not_repeated(app: Callable[..., AppTest], hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = app("hr_qa")
    _ask_in_app(page, "How many hours?")
    hr.answers = [{"answer": "240", "answered": True, "citations": [], "understoodAs": "Who  pays?"}]
    _ask_in_app(page, "Who pays?")
    assert "Understood as" not in "".join(html(page))


def test_an_answer_is_rated(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = app("hr_qa")
    _ask_in_app(page, "How many hours?")
    path = "/questions/question-1/feedback"

    click(page, "Helpful")
    assert "Your rating is saved." in [caption.value for caption in page.caption]
    click(page, "Helpful")
    assert [call.body for call in api.posts(path)] == [{"helpful": True}]

    click(page, "Not helpful")
    assert any("but not who you are" in caption.value for caption in page.caption)
    click(page, "Send comment")
    page.text_area[1].set_value(f" {HOSTILE} ")
    click(page, "Send comment")
    assert [call.body for call in api.posts(path)[1:]] == [{"helpful": False}, {"helpful": False, "comment": HOSTILE}]
    assert "&lt;script&gt;" in "".join(html(page))
    assert "Send comment" not in {button.label for button in page.button}


def test_a_rating_that_fails_is_shown_and_can_be_repeated(app: Callable[..., AppTest], api: FakeApi, hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    page = app("hr_qa")
    _ask_in_app(page, "How many hours?")
    api.errors.append(ErrorResponse(404, "not_found", "There is no question of yours with this id."))
    click(page, "Helpful")
    assert len(page.error) == 1
    assert "Your rating is saved." not in [caption.value for caption in page.caption]
    click(page, "Helpful")
    assert len(page.error) == 0
    assert "Your rating is saved." in [caption.value for caption in page.caption]


def test_without_an_id_an_answer_is_not_rated(app: Callable[..., AppTest], hr: HrQa) -> None:
    hr.add("Handbook.pdf")
    hr.keeps_questions = False
    page = app("hr_qa")
    _ask_in_app(page, "How many hours?")
    assert {button.label for button in page.button} & {"Helpful", "Not helpful"} == set()


def test_open_questions_are_read_when_they_are_opened(
    new_session: Callable[..., BrowserSession], api: FakeApi, hr: HrQa
) -> None:
    hr.spaces = SPACES
    hr.add("Handbook.pdf")
    for number in range(21):
        hr.add_open_question(f"Is there a boat number {number}?")
    hr.add_open_question(HOSTILE, answered=True, helpful=False, comment=f"Comment: {HOSTILE}")
    session = new_session()
    page = session.open(PATH)
    assert [call for call in api.calls if call.path == "/questions"] == []

    page.get_by_text("What the documents lack").click()
    page.get_by_text("The answer didn't help").wait_for()
    session.wait_until_idle()
    assert page.get_by_text(HOSTILE, exact=True).count() == 1
    assert page.get_by_text(f"Comment: {HOSTILE}", exact=True).is_visible()
    assert page.get_by_text("Is there a boat number 2?").is_visible()
    assert page.get_by_text("Is there a boat number 0?").count() == 0
    assert page.title() != "taken"
    assert page.locator("b", has_text="bold").count() == 0
    assert session.accessibility_violations() == []

    page.get_by_role("button", name="Show more").click()
    page.get_by_text("Is there a boat number 0?").wait_for()


def test_open_questions_of_a_space_are_for_its_writers(app: Callable[..., AppTest], hr: HrQa) -> None:
    hr.spaces = SPACES
    page = app("hr_qa")
    for space, listed in (("handbooks", True), ("policies", False)):
        page.selectbox(key="hr.space").select(space).run()
        assert ("What the documents lack" in [expander.label for expander in page.expander]) is listed


def test_a_topic_with_ratings_on_a_phone(new_session: Callable[..., BrowserSession], api: FakeApi, hr: HrQa) -> None:
    hr.add("Manual.pdf")
    session = new_session(width=400, language="pt", scheme="dark")
    page = session.open(PATH)
    _ask(page, "Quanto dura a licença-maternidade?", "Perguntar")
    page.get_by_role("button", name="Não ajudou").wait_for()
    session.wait_until_idle()
    session.wait_out_double_click()
    _ask(page, "E para os pais?", "Perguntar")
    page.get_by_text("Entendida como: Quanto dura a licença-maternidade? E para os pais?").wait_for()
    session.wait_until_idle()
    button = page.get_by_role("button", name="Não ajudou").first
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_label("O que falta ou está errado? (opcional)").fill("Faltam os pais.")
    page.get_by_role("button", name="Enviar comentário").click()
    page.locator("blockquote", has_text="Faltam os pais.").wait_for()
    session.wait_until_idle()
    assert api.posts("/questions/question-2/feedback")[-1].body == {"helpful": False, "comment": "Faltam os pais."}
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []
