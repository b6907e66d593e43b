"""API keys: made, shown once, rotated, revoked."""

from typing import Any

import msgspec
import pytest

from lambda_src.access.authorizer.identity import Rejected
from lambda_src.access.authorizer.keys import KeyVerifier
from lambda_src.access.key_store import KEPT_SECONDS, KeyStore
from lambda_src.access.models import CreateKey, NewKey, RotateKey
from lambda_src.access.routes import ROUTES
from lambda_src.access.secrets import PresentedKey, parse_key
from lambda_src.access.service import MAX_FORMER, AccessService
from lambda_src.access.settings import AccessOptions, AccessSettings
from lambda_src.shared.errors import Conflict, InvalidRequest, NotFound
from lambda_src.shared.http import Api
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.schemas import ListQuery
from tests.fakes import CALLER, FakeTable, LambdaContext, context, event

NOVA = "amazon.nova-lite-v1:0"
DAY = 24 * 3600


class Setup:
    def __init__(self, **options: Any) -> None:
        self.now = 1_800_000_000.0
        self.table = FakeTable()
        self.settings = AccessSettings(
            stage="test",
            use_case="access",
            table_name="keys",
            options=AccessOptions(groups=("hr", "risk"), use_cases=("embeddings", "hr-qa"), **options),
        )
        self.store = KeyStore("keys", self.table, lambda: self.now)
        self.service = AccessService(self.settings, self.store, lambda: self.now)
        self.verifier = KeyVerifier(self.store, lambda: self.now)

    def create(self, **fields: Any) -> NewKey:
        body = CreateKey(**{"name": "Nightly job", "owner": "billing", **fields})
        return self.service.create_key(context(), body=body)

    def works(self, key: str) -> bool:
        try:
            self.verifier.identify(key)
        except Rejected:
            return False
        return True


def test_a_new_key_works_and_its_secret_is_nowhere_in_the_table() -> None:
    setup = Setup()
    key = setup.create(team="payments", groups=["hr"], use_cases=["hr-qa"], models=[f"us.{NOVA}"])

    identity = setup.verifier.identify(key.key)

    assert (identity.caller, identity.team, identity.groups) == ("owner:billing", "payments", ("hr",))
    assert (identity.use_cases, identity.models, identity.key_id) == (("hr-qa",), (NOVA,), key.id)
    secret = key.key.rpartition("_")[2]
    assert secret not in repr(setup.table.items)
    assert key.created_by == CALLER


def test_a_use_case_that_the_stage_has_not_is_named() -> None:
    with pytest.raises(InvalidRequest) as raised:
        Setup().create(use_cases=["hr-qa", "embedding"])
    assert str(raised.value) == "body.useCases[1]: not a use case of the stage; one of: embeddings, hr-qa"


def test_a_key_is_shown_once() -> None:
    setup = Setup()
    key = setup.create()

    listed = setup.service.list_keys(context(), query=ListQuery())
    got = setup.service.get_key(context(), id=key.id)

    for answer in (listed, got):
        text = msgspec.json.encode(answer).decode()
        assert "be_" not in text
        assert "digest" not in text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "be_",
        "be_x",
        f"be_{'0' * 32}_{'A' * 42}",
        f"be_{'0' * 32}_{'A' * 44}",
        f"be_{'G' * 32}_{'A' * 43}",
        f"BE_{'0' * 32}_{'A' * 43}",
        f"be_{'0' * 32}_{'A' * 43}\n",
        f" be_{'0' * 32}_{'A' * 43}",
    ],
)
def test_what_has_no_keys_form_is_rejected_without_a_look_at_the_table(text: str) -> None:
    setup = Setup()
    setup.table.fail["get_item"] = AssertionError("the table was read")

    assert not setup.works(text)
    assert parse_key(text) is None


def test_another_secret_and_another_id_are_rejected() -> None:
    setup = Setup()
    first, second = setup.create(), setup.create()
    swapped = f"be_{first.id.replace('-', '')}_{second.key[-43:]}"

    assert not setup.works(swapped)
    assert not setup.works(PresentedKey(new_id(), first.key[-43:]).text)
    assert setup.works(first.key)


def test_a_rotated_key_works_with_both_secrets_for_the_overlap() -> None:
    setup = Setup()
    old = setup.create()
    new = setup.service.rotate_key(context(), id=old.id, body=RotateKey(overlap_seconds=60))

    assert new.id == old.id
    assert new.key != old.key
    assert setup.works(old.key)
    setup.now += 60
    assert not setup.works(old.key)
    assert setup.works(new.key)


def test_a_rotation_whose_response_was_lost_takes_no_secret_from_programs() -> None:
    setup = Setup()
    old = setup.create()
    rotate = RotateKey(overlap_seconds=3600)
    lost = setup.service.rotate_key(context(), id=old.id, body=rotate)
    setup.now += 60
    new = setup.service.rotate_key(context(), id=old.id, body=rotate)

    assert [setup.works(key.key) for key in (old, lost, new)] == [True, True, True]
    assert new.previous_secret_until == timestamp(setup.now + 3600)
    setup.now += 3540
    assert [setup.works(key.key) for key in (old, lost, new)] == [False, True, True]


def test_few_former_secrets_work_at_once() -> None:
    setup = Setup()
    key = setup.create()
    for _ in range(MAX_FORMER):
        setup.service.rotate_key(context(), id=key.id, body=RotateKey(overlap_seconds=60))
    with pytest.raises(Conflict, match="still work"):
        setup.service.rotate_key(context(), id=key.id, body=RotateKey(overlap_seconds=60))

    setup.now += 60
    assert setup.works(setup.service.rotate_key(context(), id=key.id, body=RotateKey(overlap_seconds=60)).key)
    setup.service.rotate_key(context(), id=key.id, body=RotateKey(overlap_seconds=0))


def test_a_leaked_secret_ends_at_once() -> None:
    setup = Setup()
    old = setup.create()
    first = setup.service.rotate_key(context(), id=old.id, body=RotateKey(overlap_seconds=3600))
    second = setup.service.rotate_key(context(), id=old.id, body=RotateKey(overlap_seconds=0))

    assert [setup.works(key.key) for key in (old, first, second)] == [False, False, True]


def test_a_revoked_key_ends_and_stays_in_the_list() -> None:
    setup = Setup()
    key = setup.create()
    setup.service.rotate_key(context(), id=key.id, body=RotateKey(overlap_seconds=3600))
    setup.service.revoke_key(context(), id=key.id)
    setup.service.revoke_key(context(), id=key.id)

    assert not setup.works(key.key)
    assert [each.status for each in setup.service.list_keys(context(), query=ListQuery()).items] == ["revoked"]
    with pytest.raises(Conflict):
        setup.service.rotate_key(context(), id=key.id, body=RotateKey())


def test_a_key_ends_by_itself_and_is_forgotten_later() -> None:
    setup = Setup()
    key = setup.create(expires_in_days=2)
    (item,) = setup.table.items.values()

    setup.now += 2 * DAY - 1
    assert setup.works(key.key)
    setup.now += 1
    assert not setup.works(key.key)
    assert setup.service.get_key(context(), id=key.id).status == "expired"
    assert item["expiresAt"] == {"N": str(1_800_000_000 + 2 * DAY + KEPT_SECONDS)}


def test_two_changes_at_the_same_time_do_not_undo_each_other() -> None:
    setup = Setup()
    key = setup.create()
    read = setup.store.get(key.id)
    setup.service.revoke_key(context(), id=key.id)

    with pytest.raises(Conflict):
        setup.store.replace(read, msgspec.structs.replace(read, digest=b"x"))
    assert not setup.works(key.key)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"groups": ["hr", "unknown"]}, "body.groups[1]"),
        ({"groups": ["root"]}, "body.groups[0]"),
        ({"models": [NOVA, "amazon.no-such-model"]}, "body.models[1]"),
    ],
)
def test_groups_and_models_that_do_not_exist_are_refused(fields: dict[str, Any], path: str) -> None:
    setup = Setup(admins=("root",))

    with pytest.raises(InvalidRequest) as raised:
        setup.create(**fields)

    assert raised.value.details is not None
    assert raised.value.details[0]["path"] == path
    assert not setup.table.items


def test_a_key_that_is_not_there() -> None:
    setup = Setup()
    for call in (
        lambda: setup.service.get_key(context(), id=new_id()),
        lambda: setup.service.revoke_key(context(), id=new_id()),
        lambda: setup.service.rotate_key(context(), id=new_id(), body=RotateKey()),
    ):
        with pytest.raises(NotFound):
            call()


def test_only_administrators_manage_keys_where_the_stage_names_them() -> None:
    setup = Setup(admins=("KeyAdmins",))
    api = Api(ROUTES, setup.service, setup.settings)
    request = event("GET", "/admin/keys")
    role = {**request["requestContext"], "accountId": "111122223333"}

    def status(name: str) -> int:
        arn = f"arn:aws:sts::111122223333:assumed-role/{name}/session"
        caller = {"user": "AROAIKFP3M27LUZBCY6YQ:session", "userArn": arn}
        response = api({**request, "requestContext": {**role, "identity": caller}}, LambdaContext())
        return int(response["statusCode"])

    assert status("KeyAdmins") == 200
    assert status("Developers") == 403


def test_no_response_with_a_secret_is_kept_for_replays() -> None:
    assert not any(route.idempotent for route in ROUTES)


def test_changes_are_logged_without_the_secret(caplog: pytest.LogCaptureFixture) -> None:
    setup = Setup()
    with caplog.at_level("INFO"):
        key = setup.create()
        rotated = setup.service.rotate_key(context(), id=key.id, body=RotateKey())
        setup.service.revoke_key(context(), id=key.id)

    lines = [vars(record) for record in caplog.records]

    assert [line["message"] for line in lines] == ["key created", "key rotated", "key revoked"]
    assert {(line["caller"], line["key_id"], line["owner"]) for line in lines} == {(CALLER, key.id, "billing")}
    for secret in (key.key[-43:], rotated.key[-43:]):
        assert secret not in str(lines)
