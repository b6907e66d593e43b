"""Images over HTTPS."""

import struct
import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
PROMPT = "A movie poster: a lighthouse keeper and her dog watch a comet over a stormy sea"


def create(caller: Any, **body: Any) -> Any:
    return caller.call("POST", "image-generation", "/images", {"prompt": PROMPT, "seed": 7, **body})


def test_an_image_can_be_created_fetched_listed_and_deleted(caller: Any) -> None:
    response = create(caller)
    assert response.status == 201, response.raw
    (image,) = response.body["items"]
    assert response.body["usage"] == {"images": 1}

    file = caller.fetch(image["url"])
    assert file.headers["Content-Type"] == "image/png"
    assert struct.unpack(">II", file.raw[16:24]) == (image["width"], image["height"])

    small = caller.fetch(image["thumbnailUrl"])
    assert small.headers["Content-Type"] == "image/jpeg"
    assert small.raw.startswith(b"\xff\xd8\xff")
    assert len(small.raw) < 60_000

    path = f"/images/{image['id']}"
    saved = caller.call("GET", "image-generation", path)
    assert saved.body["prompt"] == PROMPT
    listed = caller.call("GET", "image-generation", "/images", query={"limit": "1"})
    assert [item["id"] for item in listed.body["items"]] == [image["id"]]

    assert caller.call("DELETE", "image-generation", path).status == 204
    assert caller.call("GET", "image-generation", path).code == "not_found"
    assert caller.fetch(image["url"]).status == 404
    assert caller.fetch(image["thumbnailUrl"]).status == 404


def test_the_same_seed_gives_the_same_image(caller: Any, local_only: None) -> None:
    first, second = (caller.fetch(create(caller).body["items"][0]["url"]).raw for _ in range(2))
    assert first == second


def test_the_short_form_with_a_query(caller: Any) -> None:
    response = caller.call("GET", "image-generation", "/images", query={"prompt": PROMPT, "aspectRatio": "1:1"})
    assert response.status == 201, response.raw
    assert response.body["items"][0]["width"] == response.body["items"][0]["height"]


def test_several_images_on_several_pages(caller: Any) -> None:
    response = create(caller, count=3)
    assert len({image["id"] for image in response.body["items"]}) == 3
    first = caller.call("GET", "image-generation", "/images", query={"limit": "2"}).body
    query = {"limit": "2", "cursor": first["nextCursor"]}
    second = caller.call("GET", "image-generation", "/images", query=query).body
    assert not {item["id"] for item in first["items"]} & {item["id"] for item in second["items"]}


def test_an_unsupported_parameter_is_named(caller: Any) -> None:
    refused = create(caller, quality="premium")
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert refused.body["error"]["details"][0]["path"] == "body.quality"


def test_a_replay_is_the_first_response(caller: Any) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"prompt": PROMPT, "seed": 1}
    first, replay = (caller.call("POST", "image-generation", "/images", body, headers=key) for _ in range(2))
    assert (first.status, replay.status) == (201, 201)
    assert first.raw == replay.raw
    assert replay.headers["Idempotency-Replayed"] == "true"
    other = caller.call("POST", "image-generation", "/images", {**body, "seed": 2}, headers=key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
