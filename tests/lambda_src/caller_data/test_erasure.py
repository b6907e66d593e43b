"""An erasure finds everything of its caller in every use case, nothing of others, and survives kills."""

import json
from typing import Any

import msgspec
import pytest

from lambda_src.caller_data.worker.worker import GIVEN_UP_SECONDS
from lambda_src.registry import USE_CASES
from lambda_src.shared.callers import caller_namespace
from lambda_src.summarization.photo_store import photo_key
from tests.fakes import CALLER, OTHER, context, identity
from tests.lambda_src.caller_data.world import World
from tests.lambda_src.chatbot.world import Killer

MINE, THEIRS = "marker-ana-4711", "marker-bob-4712"
KILLED_CALLS = 48


def filled() -> tuple[World, dict[str, Any]]:
    """A stage with data of two callers, and what was stored before the first had any."""
    world = World()
    world.fill(OTHER, THEIRS)
    before = world.stored()
    world.fill(CALLER, MINE)
    return world, before


def traces(world: World) -> list[str]:
    """The places that tell of the caller, without receipts and what lenders must keep."""
    texts = (CALLER, MINE, caller_namespace(CALLER))
    kept = ("caller-data erasures", "credit-risk scores#", "credit-risk applications#", "credit-risk reviews#")
    found = [
        place
        for place, content in world.stored().items()
        if any(text in place + content for text in texts) and not place.startswith(kept)
    ]
    messages = [message["body"] for message in (*world.sqs.messages, *world.hr.sqs.messages)]
    return [*found, *(body for body in messages if CALLER in body or MINE in body)]


def check_erased(world: World, before: dict[str, Any]) -> None:
    assert traces(world) == []
    after = world.stored()
    assert {place: after.get(place) for place in before} == before, "another caller's data has changed"


def test_everything_of_the_caller_is_erased_and_nothing_of_others() -> None:
    world, before = filled()
    assert len({place.split(" ")[0] for place in traces(world)}) == 1 + len(USE_CASES), "all use cases and chunks"

    erasure = world.erase()
    world.run()

    check_erased(world, before)
    receipt = world.receipt(erasure)
    assert receipt["status"] == "final"
    counts = {entry["useCase"]: entry["counts"] for entry in receipt["useCases"]}
    assert counts == {
        "caller-data": {},
        "image-generation": {"images": 1, "keptResponses": 1},
        "summarization": {"reports": 1, "keptResponses": 1},
        "embeddings": {"keptResponses": 1},
        "chatbot": {"conversations": 1, "messages": 4, "photos": 1, "documents": 1, "keptResponses": 1},
        "hr-qa": {"documents": 2, "chunks": 1, "questions": 2, "keptResponses": 1},
        "playground": {"keptResponses": 1},
        "credit-risk": {"keptResponses": 1},
    }
    # The caller's id is nowhere in the receipt, and the job has ended.
    assert CALLER not in json.dumps(receipt)
    assert {pk for pk, _ in world.tables["caller-data"].items} == {"erasures"}


@pytest.mark.parametrize("use_case", [use_case.id for use_case in USE_CASES])
def test_the_search_finds_what_a_use_case_does_not_erase(use_case: str) -> None:
    """The test above would see it."""
    world, _ = filled()
    world.data[use_case].erasers = ()

    world.erase()
    world.run()

    assert [place for place in traces(world) if place.startswith(use_case)]


def test_the_receipt_says_what_is_kept_and_why() -> None:
    world, _ = filled()
    erasure = world.erase()
    world.run()

    receipt = world.receipt(erasure)
    assert [each["kind"] for each in receipt["kept"]] == ["logs", "backups", "counters", "apiKeys"]
    assert "90 days" in receipt["kept"][0]["until"]
    kept = {
        entry["useCase"]: {each["kind"]: each.get("count") for each in entry["kept"]} for entry in receipt["useCases"]
    }
    assert kept["credit-risk"] == {"scores": 1}
    assert kept["hr-qa"] == {"sharedDocuments": 1, "questions": None}
    assert all(each["reason"] and each["until"] for entry in receipt["useCases"] for each in entry["kept"])


def test_documents_in_spaces_stay_without_the_name_of_who_uploaded_them() -> None:
    world, _ = filled()
    world.erase()
    world.run()

    shared = world.hr.documents.all("handbooks")
    assert sorted(document.owner for document in shared) == [OTHER, "erased"]
    assert all(document.status == "ready" for document in shared)


def test_what_a_running_request_stores_afterwards_is_erased_by_the_second_round() -> None:
    world, before = filled()
    erasure = world.erase()
    world.run(until=lambda: world.receipt(erasure)["status"] == "erased")
    assert traces(world), "the tombstones of conversations, and the running job"
    world.fill_records(CALLER, MINE)
    world.fill_documents(CALLER, MINE)

    world.run()

    check_erased(world, before)
    receipt = world.receipt(erasure)
    assert (receipt["status"], receipt["useCases"][2]["counts"]["reports"]) == ("final", 2)


def test_the_second_round_waits_until_all_requests_have_ended() -> None:
    world = World()
    erasure = world.erase()
    requested = world.now
    # Delivered twice, and early.
    world.sqs.messages.append({**world.sqs.messages[0], "id": "again"})

    world.run()

    receipt = world.receipt(erasure)
    assert receipt["finalAt"] > receipt["erasedAt"]
    assert world.now - requested >= 1_200


def test_a_request_while_one_runs_gets_the_same_erasure() -> None:
    world = World()
    first = world.erase()
    assert world.erase() == first
    world.run(until=lambda: world.receipt(first)["status"] == "erased")
    assert world.erase() == first
    world.run()
    assert world.erase() != first


def test_a_message_that_was_not_sent_is_sent_by_the_next_request() -> None:
    world, before = filled()
    world.erase()
    world.sqs.messages.clear()

    world.erase()
    world.run()

    check_erased(world, before)


def test_a_write_whose_answer_is_lost_and_that_is_repeated_does_not_stop_the_erasure() -> None:
    world, before = filled()
    erasure = world.erase()
    table = world.tables["caller-data"]
    put = table.put_item

    def put_twice(**request: Any) -> None:
        put(**request)
        put(**request)

    table.put_item = put_twice  # type: ignore[method-assign]
    world.run()

    check_erased(world, before)
    assert world.receipt(erasure)["status"] == "final"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, KILLED_CALLS))
def test_a_killed_worker_resumes(call: int, after: bool) -> None:
    """The worker is killed at one of its calls to AWS, before or after it takes effect, and again later."""
    world = World()
    world.fill_records(OTHER, THEIRS)
    before = world.stored()
    world.fill_records(CALLER, MINE)
    erasure = world.erase()
    for kill in (1, 2):
        world.killer = Killer(call + kill - 1, after=after)
        world.run(until=lambda kill=kill: world.kills == kill)  # type: ignore[misc]

    world.killer = Killer()
    world.run()

    check_erased(world, before)
    assert world.receipt(erasure)["status"] == "final"
    assert world.sqs.dead == []


def test_photos_of_a_report_that_was_never_stored_are_erased() -> None:
    """Its request was killed in between."""
    world = World()
    photos = world.buckets["summarization"].objects
    photos |= {photo_key(caller, "id", 1): caller.encode() for caller in (CALLER, OTHER)}
    world.erase()
    world.run()
    assert [*photos.values()] == [OTHER.encode()]


def test_the_kills_cover_every_call_of_the_first_round() -> None:
    world = World()
    world.fill_records(CALLER, MINE)
    erasure = world.erase()
    world.killer = Killer()
    world.deliver(world.sqs.messages.pop(0))
    assert 0 < world.killer.calls < KILLED_CALLS
    assert world.receipt(erasure)["status"] == "erased"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 140, 9))
def test_a_killed_function_is_repeated(call: int, after: bool) -> None:
    """A use case's function is killed at one of its calls to AWS, in the first round and in the second."""
    world, before = filled()
    world.settings = msgspec.structs.replace(world.settings, max_receives=9)
    erasure = world.erase()
    killer = world.functions.killer
    for status in ("erased", "final"):
        killer.calls, killer.at, killer.after = 0, call, after
        world.run(until=lambda status=status: world.receipt(erasure)["status"] == status)  # type: ignore[misc]

    check_erased(world, before)
    assert world.receipt(erasure)["status"] == "final"


def test_a_use_case_that_fails_does_not_hold_up_the_others_and_is_named() -> None:
    world, _ = filled()
    world.functions.fail = {"image-generation"}
    erasure = world.erase()
    world.run()

    receipt = world.receipt(erasure)
    assert (receipt["status"], receipt["failed"]) == ("failed", ["image-generation"])
    assert {place.split(" ")[0] for place in traces(world)} == {"image-generation", "chatbot"}
    world.functions.fail = set()
    again = world.erase()
    assert again != erasure
    world.run()
    assert world.receipt(again)["status"] == "final"
    assert traces(world) == []


def test_an_ingestion_that_never_ends_makes_the_erasure_fail() -> None:
    world, _ = filled()
    erasure = world.erase()
    world.hr.run = lambda **_: None  # type: ignore[method-assign]
    world.run(limit=int(GIVEN_UP_SECONDS))

    receipt = world.receipt(erasure)
    assert (receipt["status"], receipt["failed"]) == ("failed", ["hr-qa"])


def test_nobody_reads_the_receipt_of_another() -> None:
    world = World()
    erasure = world.erase()
    for caller, status in ((CALLER, 200), (OTHER, 404)):
        assert world.call("GET", "/me/erasures/{id}", path={"id": erasure}, caller=caller)[0] == status


ADMIN_ROUTES = (
    ("POST", "/admin/erasures", {"caller": OTHER}, {}),
    ("GET", "/admin/erasures", None, {}),
    ("GET", "/admin/erasures/{id}", None, {"path": {"id": "0199aaaa-0000-7000-8000-000000000000"}}),
)


def as_officer() -> dict[str, Any]:
    """A session of the role that the setting `auth.admins` names."""
    arn = "arn:aws:sts::000000000000:assumed-role/officers/s"
    who = {"user": "AROAOFFICER0000000000:s", "userArn": arn}
    return {"requestContext": {"requestId": "r", "accountId": "000000000000", "identity": {**identity(), **who}}}


def by_token() -> dict[str, Any]:
    authorizer = {"caller": "owner:x", "groups": '["officers"]'}
    return {"requestContext": {"requestId": "r", "authorizer": authorizer}}


@pytest.mark.parametrize(("method", "route", "body", "changes"), ADMIN_ROUTES)
def test_only_administrators_erase_others_and_read_all_receipts(
    method: str, route: str, body: Any, changes: dict[str, Any]
) -> None:
    world, _ = filled()
    before = world.stored()
    for who in ({}, by_token()):
        assert world.call(method, route, body, **changes, **who)[0] == 403
    assert world.stored() == before
    assert world.call(method, route, body, **changes, **as_officer())[0] in (200, 202, 404)


def test_without_administrators_nobody_erases_others() -> None:
    world = World()
    world.settings = msgspec.structs.replace(world.settings, admins=())
    assert world.call("POST", "/admin/erasures", {"caller": OTHER}, **as_officer())[0] == 403


def test_an_administrator_erases_a_caller_and_lists_the_receipts() -> None:
    world, before = filled()
    status, started = world.call("POST", "/admin/erasures", {"caller": CALLER}, **as_officer())
    assert status == 202
    # The caller sees it, too.
    assert world.erase() == started["id"]
    world.run()

    check_erased(world, before)
    _, receipt = world.call("GET", "/admin/erasures/{id}", path={"id": started["id"]}, **as_officer())
    assert (receipt["status"], receipt["requestedBy"]) == ("final", "administrator")
    assert receipt["administrator"] == "AROAOFFICER0000000000"
    assert receipt["callerDigest"] == caller_namespace(CALLER)
    own = world.erase(OTHER)
    _, listed = world.call("GET", "/admin/erasures", query={"limit": "1"}, **as_officer())
    assert [each["id"] for each in listed["items"]] == [own]
    query = {"limit": "1", "cursor": listed["nextCursor"]}
    _, listed = world.call("GET", "/admin/erasures", query=query, **as_officer())
    assert [each["id"] for each in listed["items"]] == [started["id"]]


@pytest.mark.parametrize("caller", ["", "a b", "a\n", "é", 1, None])
def test_a_caller_that_is_none_is_refused(caller: Any) -> None:
    status, body = World().call("POST", "/admin/erasures", {"caller": caller}, **as_officer())
    assert (status, body["error"]["details"][0]["path"]) == (400, "body.caller")


def test_an_erasure_of_somebody_else_is_refused_and_is_not_ones_own() -> None:
    world = World()
    status, body = world.call("DELETE", "/me", queryStringParameters={"caller": "owner:other"})
    assert (status, body["error"]["details"][0]["path"]) == (400, "query.caller")
    assert world.call("GET", "/me/erasures/{id}", path={"id": "019ac3a0-0000-7000-8000-000000000000"})[0] == 404


@pytest.mark.parametrize("contents", [False, True])
def test_the_receipt_names_the_audit_trail(contents: bool) -> None:
    world = World()
    world.settings = msgspec.structs.replace(world.settings, audit_group="/audit", audit_contents=contents)
    erasure = world.service().erase_own(context())
    (kept,) = [each for each in erasure.kept if each.kind == "auditTrail"]
    assert ("texts" in kept.reason) is contents
