"""Pictures over HTTPS."""

import struct
import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
PROMPT = "A film poster: a lighthouse keeper and her dog watch a comet over a stormy sea"


def make(caller: Any, **body: Any) -> Any:
    return caller.call("POST", "image-generation", "/images", {"prompt": PROMPT, "seed": 7, **body})


def test_a_picture_can_be_made_fetched_listed_and_deleted(caller: Any) -> None:
    made = make(caller)
    assert made.status == 201, made.raw
    (image,) = made.body["items"]
    assert made.body["usage"] == {"images": 1}

    fetched = caller.fetch("GET", image["url"])
    assert fetched.headers["Content-Type"] == "image/png"
    assert struct.unpack(">II", fetched.raw[16:24]) == (image["width"], image["height"])

    path = f"/images/{image['id']}"
    again = caller.call("GET", "image-generation", path)
    assert again.body["prompt"] == PROMPT
    listed = caller.call("GET", "image-generation", "/images", query={"limit": "1"})
    assert [item["id"] for item in listed.body["items"]] == [image["id"]]

    assert caller.call("DELETE", "image-generation", path).status == 204
    assert caller.call("GET", "image-generation", path).code == "not_found"
    assert caller.fetch("GET", image["url"]).status == 404


def test_the_same_seed_makes_the_same_picture(caller: Any, local_only: None) -> None:
    one, other = (caller.fetch("GET", make(caller).body["items"][0]["url"]).raw for _ in range(2))
    assert one == other


def test_the_short_form_with_a_query(caller: Any) -> None:
    made = caller.call("GET", "image-generation", "/images", query={"prompt": PROMPT, "aspectRatio": "1:1"})
    assert made.status == 201, made.raw
    assert made.body["items"][0]["width"] == made.body["items"][0]["height"]


def test_several_pictures_and_pages_of_them(caller: Any) -> None:
    made = make(caller, count=3)
    assert len({image["id"] for image in made.body["items"]}) == 3
    first = caller.call("GET", "image-generation", "/images", query={"limit": "2"}).body
    query = {"limit": "2", "cursor": first["nextCursor"]}
    second = caller.call("GET", "image-generation", "/images", query=query).body
    assert not {item["id"] for item in first["items"]} & {item["id"] for item in second["items"]}


def test_a_parameter_that_the_model_does_not_take_is_named(caller: Any) -> None:
    refused = make(caller, quality="premium")
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert refused.body["error"]["details"][0]["path"] == "body.quality"


def test_a_replay_is_the_first_answer(caller: Any) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"prompt": PROMPT, "seed": 1}
    first, again = (caller.call("POST", "image-generation", "/images", body, headers=key) for _ in range(2))
    assert (first.status, again.status) == (201, 201)
    assert first.raw == again.raw
    assert again.headers["Idempotency-Replayed"] == "true"
    other = caller.call("POST", "image-generation", "/images", {**body, "seed": 2}, headers=key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
