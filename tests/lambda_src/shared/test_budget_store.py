"""The store of budgets with botocore's own client, whose answer to a failed condition the fake imitates."""

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse

from lambda_src.shared.budget_store import BudgetStore, Hold

HOLD = Hold(id="a-_1", partition="stage", sort="s", amount=1, limit=5, lapses_at=10, expires_at=100)


class Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


@pytest.mark.parametrize(("attribute", "reserved"), [("hold-a-_1", True), ("hold-other", False)])
def test_the_item_of_a_failed_condition_tells_a_repeated_write_from_a_used_up_budget(
    attribute: str, reserved: bool
) -> None:
    def refuse(request: Any, **_: Any) -> AWSResponse:
        item = {"committed": {"N": "5"}, attribute: {"L": [{"N": "1"}, {"N": "99999999999"}]}}
        content = json.dumps({"__type": "com.amazonaws#ConditionalCheckFailedException", "Item": item})
        return AWSResponse(request.url, 400, {}, Body(content.encode()))

    session = botocore.session.get_session()
    session.set_credentials("a", "b")
    client = session.create_client("dynamodb", region_name="us-west-2")
    client.meta.events.register("before-send.dynamodb", refuse)

    assert BudgetStore("budgets", client).reserve(HOLD).reserved is reserved
