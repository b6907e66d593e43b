"""Spaces: who may see, ask, upload and delete what."""

import pytest

from lambda_src.hr_qa.models import AskQuestion, CreateDocument, DocumentQuery, Search
from lambda_src.hr_qa.service import QaService
from lambda_src.hr_qa.settings import Space
from lambda_src.shared.context import Context
from lambda_src.shared.errors import ApiError, Forbidden, NotFound
from tests.fakes import CALLER, OTHER, context
from tests.lambda_src.hr_qa.test_service import LEAVE, PARKING, QUESTION, ready
from tests.lambda_src.hr_qa.world import World

SPACES = (
    Space(name="handbooks", readers=("all-staff",), writers=("hr-team",)),
    Space(name="legal", readers=("lawyers",)),
    Space(name="news", readers=("*",)),
)
STAFF, HR, LAWYER = "all-staff", "hr-team", "lawyers"


@pytest.fixture
def world() -> World:
    return World(spaces=SPACES)


def in_space(world: World, space: str, name: str = "Handbook") -> str:
    """A ready document of a space, which somebody else uploaded."""
    own, world.namespace = world.namespace, space
    document = ready(world, [LEAVE], name, owner="somebody")
    world.namespace = own
    return document


def found(service: QaService, request: Context, **limits: list[str]) -> set[str]:
    return {item.document_id for item in service.search(request, body=Search(query="maternity leave", **limits)).items}


def refusal(error: ApiError) -> tuple[int, str]:
    """Status and path of an error that names its field."""
    assert error.details
    return error.status, error.details[0]["path"]


def body(space: str | None = None) -> CreateDocument:
    return CreateDocument(name="Leave", content_type="application/pdf", space=space)


@pytest.mark.parametrize("groups", [(), (STAFF,), (HR,), ("Handbooks", "handbooks")])
def test_one_space_is_never_seen_from_another(world: World, groups: tuple[str, ...]) -> None:
    document = in_space(world, "legal", "Legal Handbook")
    service, request = world.service(), context(groups=groups)

    for call in (service.get_document, service.delete_document):
        with pytest.raises(NotFound):
            call(request, id=document)
    assert document not in [item.id for item in service.list_documents(request, query=DocumentQuery()).items]
    assert found(service, request) == set()
    assert not service.answer_question(request, body=AskQuestion(question=QUESTION)).answered
    with pytest.raises(NotFound):
        found(service, request, documents=[document])
    assert world.documents.get("legal", document)
    assert found(service, context(groups=(LAWYER,))) == {document}


def test_a_space_that_may_not_be_read_is_like_one_that_does_not_exist(world: World) -> None:
    service, request = world.service(), context(groups=(STAFF,))

    def messages(space: str) -> list[str]:
        calls = (
            lambda: service.create_document(request, body=body(space)),
            lambda: service.list_documents(request, query=DocumentQuery(space=space)),
            lambda: service.search(request, body=Search(query="q", spaces=["handbooks", space])),
            lambda: service.answer_question(request, body=AskQuestion(question="q", spaces=[space])),
        )
        errors = []
        for call in calls:
            with pytest.raises(NotFound) as error:
                call()
            errors.append(str(error.value))
        return errors

    assert messages("legal") == messages("nothing")
    assert [message.partition(":")[0] for message in messages("legal")] == [
        "body.space", "query.space", "body.spaces[1]", "body.spaces[0]"
    ]  # fmt: skip
    assert not world.table.items


def test_questions_cover_own_documents_and_all_readable_spaces_unless_limited(world: World) -> None:
    own, handbook, news = ready(world, [LEAVE]), in_space(world, "handbooks"), in_space(world, "news")
    in_space(world, "legal")
    service, request = world.service(), context(groups=(STAFF,))

    assert found(service, request) == {own, handbook, news}
    assert found(service, request, spaces=["own"]) == {own}
    assert found(service, request, spaces=["handbooks", "news"]) == {handbook, news}
    assert found(service, request, documents=[handbook]) == {handbook}
    assert found(service, context(caller=OTHER, groups=(HR,))) == {handbook, news}
    with pytest.raises(NotFound, match=r"body.documents\[0\]"):
        found(service, request, documents=[handbook], spaces=["own"])


def test_readers_list_and_get_and_writers_upload_and_delete(world: World) -> None:
    service = world.service()
    reader, writer = context(caller=OTHER, groups=(STAFF,)), context(groups=(HR,))

    created = service.create_document(writer, body=body("handbooks"))

    assert created.upload.fields["key"] == f"documents/handbooks/{created.id}.pdf"
    listed = service.list_documents(reader, query=DocumentQuery(space="handbooks"))
    assert [(item.id, item.space) for item in listed.items] == [(created.id, "handbooks")]
    assert service.get_document(reader, id=created.id).space == "handbooks"
    with pytest.raises(Forbidden) as error:
        service.create_document(reader, body=body("handbooks"))
    assert refusal(error.value) == (403, "body.space")
    with pytest.raises(Forbidden) as error:
        service.delete_document(reader, id=created.id)
    assert refusal(error.value) == (403, "path.id")
    assert service.delete_document(writer, id=created.id).status == "deleting"
    world.run()
    assert world.documents.get("handbooks", created.id) is None


def test_callers_see_which_spaces_they_may_use(world: World) -> None:
    service = world.service()

    def spaces(*groups: str) -> object:
        listed = service.list_documents(context(groups=groups), query=DocumentQuery()).spaces
        assert isinstance(listed, list)
        return {space.name: space.writable for space in listed}

    assert spaces() == {"news": False}
    assert spaces(STAFF) == {"handbooks": False, "news": False}
    assert spaces(HR, LAWYER) == {"handbooks": True, "legal": False, "news": False}


def test_documents_without_a_space_are_their_callers_own(world: World) -> None:
    document = ready(world, [PARKING])
    created = world.service().create_document(context(groups=(HR,)), body=body())

    shown = world.service().list_documents(context(), query=DocumentQuery(space="own")).items
    assert {(item.id, item.space) for item in shown} == {(document, "own"), (created.id, "own")}
    with pytest.raises(NotFound):
        world.service().get_document(context(caller=OTHER, groups=(STAFF, HR, LAWYER)), id=document)


def test_a_document_stays_where_it_is_while_settings_come_and_go(world: World) -> None:
    own, shared = ready(world, [LEAVE]), in_space(world, "handbooks")

    without = World()
    without.table, without.bucket, without.search = world.table, world.bucket, world.search
    without.documents = world.documents
    assert found(without.service(), context(groups=(STAFF,))) == {own}
    assert found(world.service(), context(groups=(STAFF,))) == {own, shared}
    document = world.documents.get("handbooks", shared)
    assert document
    assert document.owner != CALLER


def test_the_namespace_of_shared_documents_is_the_space_of_that_name() -> None:
    world = World(spaces=(Space(name="shared", readers=("*",), writers=("*",)),))
    document = in_space(world, "shared")

    assert found(world.service(), context(caller=OTHER)) == {document}
