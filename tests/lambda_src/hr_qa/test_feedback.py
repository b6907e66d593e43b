"""Feedback on answers, and what the documents lack."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.hr_qa.asked import AskedQuestions
from lambda_src.hr_qa.models import Answer, AskQuestion, Feedback, OpenQuestion, QuestionQuery
from lambda_src.hr_qa.settings import Space
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Forbidden, NotFound
from tests.fakes import CALLER, OTHER, client_error, context, converse_answer, stored
from tests.lambda_src.hr_qa.world import KillableClient, Killer, World
from tests.pdfs import text_pdf

SPACE = Space(name="handbooks", readers=("staff",), writers=("editors",))
QUESTION = "How many days is maternity leave?"
DECLINED = converse_answer(json.dumps({"answered": False, "claims": []}))
GIVEN = converse_answer(
    json.dumps({"answered": True, "claims": [{"text": "Maternity leave is 120 days.", "sentences": [2]}]})
)


def staff() -> Context:
    return context(groups=["staff"])


def editor() -> Context:
    return context(caller=OTHER, groups=["editors"])


def stage(**changes: Any) -> World:
    """A stage with one document, in the space."""
    world = World(spaces=(SPACE,), **changes)
    world.namespace = SPACE.name
    document = world.create_document()
    world.upload(document, text_pdf([["# Leave", "Maternity leave is 120 days for every mother."]]))
    world.run()
    return world


def asked(world: World, *answers: Any, question: str = QUESTION) -> Answer:
    return world.service(*answers).answer_question(staff(), body=AskQuestion(question=question))


def gaps(world: World, space: str | None = SPACE.name) -> list[OpenQuestion]:
    return world.service().list_open_questions(editor(), query=QuestionQuery(space=space)).items


def rate(world: World, answer: Answer, *, helpful: bool, comment: str | None = None) -> None:
    body = Feedback(helpful=helpful, comment=comment)
    world.service().give_feedback(staff(), id=str(answer.id), body=body)


def test_an_unanswered_question_is_shown_to_the_editors_without_its_caller() -> None:
    world = stage()
    answer = asked(world, DECLINED)
    (gap,) = gaps(world)
    assert (gap.id, gap.question, gap.answered) == (answer.id, QUESTION, False)
    items = [item for (partition, _), item in stored(world.table).items() if partition.startswith(("gaps#", "asked#"))]
    assert len(items) == 3  # the question, and a gap for the space and for the caller
    assert CALLER not in json.dumps(items)


def test_an_answered_question_is_shown_when_it_did_not_help_and_not_after_it_did() -> None:
    world = stage()
    answer = asked(world, GIVEN)
    assert gaps(world) == []
    rate(world, answer, helpful=False, comment="For fathers?")
    (gap,) = gaps(world)
    assert (gap.answered, gap.helpful, gap.comment) == (True, False, "For fathers?")
    rate(world, answer, helpful=True)
    assert gaps(world) == []


def test_feedback_belongs_to_the_caller_of_the_question() -> None:
    world = stage()
    answer = asked(world, GIVEN)
    with pytest.raises(NotFound):
        world.service().give_feedback(editor(), id=str(answer.id), body=Feedback(helpful=False))
    assert gaps(world) == []


def test_only_writers_of_a_space_see_its_questions() -> None:
    world = stage()
    asked(world, DECLINED)
    service = world.service()
    with pytest.raises(Forbidden, match=r"query\.space"):
        service.list_open_questions(staff(), query=QuestionQuery(space=SPACE.name))
    with pytest.raises(NotFound, match=r"query\.space"):
        service.list_open_questions(context(), query=QuestionQuery(space=SPACE.name))


def test_a_question_over_chosen_documents_is_shown_for_their_space_only() -> None:
    world = stage()
    (document,) = [item.id for item in world.documents.all(SPACE.name)]
    body = AskQuestion(question=QUESTION, documents=[document])
    world.service(DECLINED).answer_question(staff(), body=body)
    assert len(gaps(world)) == 1
    own = world.service().list_open_questions(staff(), query=QuestionQuery())
    assert own.items == []


def test_questions_expire() -> None:
    world = stage(question_days=7)
    answer = asked(world, DECLINED)
    world.now += 7 * 24 * 3600 + 1
    assert gaps(world) == []
    with pytest.raises(NotFound):
        rate(world, answer, helpful=True)


def test_a_stage_may_keep_no_questions() -> None:
    world = stage(question_days=0)
    items = len(stored(world.table))
    assert isinstance(asked(world, DECLINED).id, type(Answer.__struct_defaults__[0]))
    assert len(stored(world.table)) == items


def test_an_answer_is_given_even_if_its_question_cannot_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = stage()

    def fail(**request: Any) -> None:
        raise client_error("ProvisionedThroughputExceededException", operation="TransactWriteItems")

    monkeypatch.setattr(world.table, "transact_write_items", fail)
    answer = asked(world, GIVEN)
    assert answer.answered
    assert not isinstance(answer.id, str)


def test_pages_of_questions_are_newest_first() -> None:
    world = stage()
    answers = [asked(world, DECLINED, question=f"Question {number} about leave?") for number in range(3)]
    service = world.service()
    first = service.list_open_questions(editor(), query=QuestionQuery(space=SPACE.name, limit=2))
    rest = service.list_open_questions(
        editor(), query=QuestionQuery(space=SPACE.name, limit=2, cursor=str(first.next_cursor))
    )
    assert [item.id for item in (*first.items, *rest.items)] == [answer.id for answer in reversed(answers)]


def test_feedback_does_not_bring_back_a_question_that_is_erased_at_the_same_time() -> None:
    world = stage(caller_data=True)
    answer = asked(world, DECLINED)
    store = AskedQuestions("table", KillableClient(world.table, Killer(2, interruption=erase(world))))

    with pytest.raises(NotFound):
        store.rate(str(answer.id), CALLER, helpful=False, comment="Why?")

    assert not [key for key in stored(world.table) if key[0].startswith(("asked#", "asker#", "gaps#"))]


def erase(world: World) -> Callable[[], None]:
    def erase_all() -> None:
        assert AskedQuestions("table", world.table).erase(CALLER, 50) == (2, 1)

    return erase_all


def test_questions_are_listed_by_caller_only_where_they_can_be_erased() -> None:
    for caller_data in (False, True):
        world = stage(caller_data=caller_data)
        asked(world, DECLINED)
        assert bool([key for key in world.table.items if key[0].startswith("asker#")]) == caller_data
