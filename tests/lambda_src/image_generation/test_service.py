"""Images are generated and stored together or not at all."""

import base64
from typing import Any

import pytest
from msgspec import UNSET

from lambda_src.image_generation.models import CreateImages, ImageRecord, ListOrCreateQuery
from lambda_src.image_generation.service import ImageService
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.errors import InvalidRequest, ModelFailed, NotFound, Refused, Throttled, Unavailable
from lambda_src.shared.routes import Created
from lambda_src.shared.store import RecordStore
from tests.fakes import (
    CALLER,
    OTHER,
    FakeBucket,
    FakeModel,
    FakeTable,
    RecordedIdempotency,
    client_error,
    context,
    kept_responses_erased,
    png,
    settings,
    stability_answer,
    stored,
)

STABILITY = "stability.stable-image-core-v1:1"
TITAN = "amazon.titan-image-generator-v2:0"
NOVA = "amazon.nova-canvas-v1:0"


class Bucket(FakeBucket):
    """`refused`: part of the keys that cannot be written."""

    refused = ""

    def put_object(self, **request: Any) -> None:
        if self.refused and self.refused in request["Key"]:
            raise client_error("SlowDown")
        super().put_object(**request)


class Setup:
    def __init__(self, *answers: Any, **changes: Any) -> None:
        self.model = FakeModel(*answers)
        self.table = FakeTable()
        self.bucket = Bucket()
        stage_settings = settings(models=(STABILITY, TITAN, NOVA), **changes)
        self.store = store = RecordStore("t", "image", ImageRecord, self.table)
        self.service = ImageService(
            stage_settings, Bedrock(stage_settings, self.model, lambda s: None), store, self.bucket
        )


def amazon(count: int) -> dict[str, Any]:
    return {"images": stability_answer(*range(count))["images"], "error": None}


def test_an_image_is_stored_and_returned() -> None:
    setup = Setup(stability_answer(7))
    response = setup.service.create_images(context(), body=CreateImages(prompt="a lighthouse", seed=7))
    (item,) = response.items
    assert (item.width, item.height, item.seed, item.model) == (2, 3, 7, STABILITY)
    assert f"images/{item.id}.png" in item.url
    assert set(setup.bucket.objects) == {f"images/{item.id}.png", f"images/{item.id}.thumbnail.jpg"}
    assert response.usage.images == 1
    assert setup.model.requests[0]["body"] == {
        "prompt": "a lighthouse",
        "aspect_ratio": "2:3",
        "output_format": "png",
        "seed": 7,
    }


def test_an_image_tells_how_to_make_it_again() -> None:
    setup = Setup(stability_answer(7))
    body = CreateImages(prompt="a", negative_prompt="fog", aspect_ratio="16:9", style="flat-vector", seed=7)
    created = setup.service.create_images(context(), body=body).items[0]

    for item in (created, setup.service.get_image(context(), id=created.id)):
        assert (item.negative_prompt, item.aspect_ratio, item.style, item.seed) == ("fog", "16:9", "flat-vector", 7)
        assert f"images/{item.id}.thumbnail.jpg" in str(item.thumbnail_url)


def test_an_image_from_before_thumbnails_is_served_and_deleted() -> None:
    setup = Setup()
    older = {"id": "i1", "contentType": "image/png", "width": 2, "height": 3, "seed": 7, "prompt": "x", "model": "m"}
    setup.store.put(CALLER, "i1", {**older, "createdAt": "2026-01-01T00:00:00Z"})
    setup.bucket.objects["images/i1.png"] = png()

    item = setup.service.get_image(context(), id="i1")
    assert (item.thumbnail_url, item.style) == (UNSET, UNSET)
    setup.service.delete_image(context(), id="i1")
    assert (setup.bucket.objects, stored(setup.table)) == ({}, {})


def test_an_image_without_a_thumbnail_is_not_lost() -> None:
    # The right size, and no pixels.
    damaged = {"images": [base64.b64encode(png()[:33]).decode()], "seeds": [7], "finish_reasons": [None]}
    setup = Setup(damaged)
    (item,) = setup.service.create_images(context(), body=CreateImages(prompt="x")).items
    assert item.thumbnail_url is UNSET
    assert list(setup.bucket.objects) == [f"images/{item.id}.png"]


def test_a_thumbnail_that_cannot_be_stored_costs_nothing_else() -> None:
    setup = Setup(stability_answer(7))
    setup.bucket.refused = "thumbnail"
    (item,) = setup.service.create_images(context(), body=CreateImages(prompt="x")).items
    assert item.thumbnail_url is UNSET
    assert setup.service.get_image(context(), id=item.id).thumbnail_url is UNSET


def test_without_time_there_is_no_thumbnail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambda_src.image_generation.service.THUMBNAIL_SECONDS", 1000.0)
    setup = Setup(stability_answer(7))
    (item,) = setup.service.create_images(context(), body=CreateImages(prompt="x")).items
    assert list(setup.bucket.objects) == [f"images/{item.id}.png"]


def test_deleting_erases_a_thumbnail_that_the_record_does_not_know() -> None:
    setup = Setup(stability_answer(7))
    setup.bucket.refused = "thumbnail"
    (item,) = setup.service.create_images(context(), body=CreateImages(prompt="x")).items
    # S3 had stored it when the connection broke.
    setup.bucket.objects[f"images/{item.id}.thumbnail.jpg"] = b"x"
    setup.service.delete_image(context(), id=item.id)
    assert setup.bucket.objects == {}


def test_models_of_one_image_per_call_get_consecutive_seeds() -> None:
    answers = [lambda request: stability_answer(request["body"]["seed"])] * 3
    setup = Setup(*answers)
    response = setup.service.create_images(context(), body=CreateImages(prompt="x", count=3, seed=5))
    assert [item.seed for item in response.items] == [5, 6, 7]


def test_the_images_of_a_request_that_fails_are_counted() -> None:
    setup = Setup(stability_answer(5), *[client_error("ThrottlingException")] * 10)
    request_context = context()
    with pytest.raises(Throttled):
        setup.service.create_images(request_context, body=CreateImages(prompt="x", count=2, seed=5))
    (use,) = request_context.uses.values()
    assert (use.calls, use.counted, use.images) == (2, 1, 1)


def test_titan_and_nova_generate_several_images_per_call() -> None:
    setup = Setup(amazon(2))
    body = CreateImages(
        prompt="x", count=2, seed=5, model=TITAN, guidance=7.5, negative_prompt="fog", quality="premium"
    )
    setup.service.create_images(context(), body=body)
    assert setup.model.requests[0]["body"] == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "x", "negativeText": "fog"},
        "imageGenerationConfig": {
            "numberOfImages": 2,
            "width": 768,
            "height": 1152,
            "quality": "premium",
            "seed": 5,
            "cfgScale": 7.5,
        },
    }
    setup = Setup(amazon(1))
    setup.service.create_images(context(), body=CreateImages(prompt="x", model=NOVA, style="design-sketch"))
    assert setup.model.requests[0]["body"]["textToImageParams"]["style"] == "DESIGN_SKETCH"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"quality": "premium"}, "body.quality"),
        ({"guidance": 5.0}, "body.guidance"),
        ({"model": "amazon.nova-pro-v1:0"}, "body.model"),
        ({"model": TITAN, "aspect_ratio": "21:9"}, "body.aspectRatio"),
        ({"model": TITAN, "prompt": "x" * 513}, "body.prompt"),
        ({"model": TITAN, "seed": 2147483647}, "body.seed"),
        ({"model": NOVA, "guidance": 11.0}, "body.guidance"),
        ({"model": NOVA, "negative_prompt": "x" * 1025}, "body.negativePrompt"),
    ],
)
def test_an_unsupported_parameter_is_refused_by_name_before_any_call(changes: dict[str, Any], path: str) -> None:
    setup = Setup()
    with pytest.raises(InvalidRequest) as raised:
        setup.service.create_images(context(), body=CreateImages(**{"prompt": "x", **changes}))
    assert [detail["path"] for detail in raised.value.details or []] == [path]
    assert setup.model.requests == []


def test_kept_responses_are_erased_with_each_of_their_images() -> None:
    setup, request = Setup(amazon(2)), context()
    request.idempotency = kept = RecordedIdempotency()
    items = setup.service.create_images(request, body=CreateImages(prompt="x", count=2, model=TITAN)).items
    assert kept.resources == [item.id for item in items]

    setup.service.delete_image(context(), id=items[1].id)

    assert kept_responses_erased(setup.table, items[1].id)
    assert not kept_responses_erased(setup.table, items[0].id)


@pytest.mark.parametrize(
    ("answer", "model", "expected"),
    [
        ({"finish_reasons": ["Filter reason: prompt"]}, STABILITY, Refused),
        ({"finish_reasons": ["Inference error"]}, STABILITY, ModelFailed),
        ({"finish_reasons": [None], "images": [], "seeds": []}, STABILITY, ModelFailed),
        ({"finish_reasons": [None], "images": ["?"], "seeds": [1]}, STABILITY, ModelFailed),
        ({"finish_reasons": [None], "images": ["aGk="], "seeds": [1]}, STABILITY, ModelFailed),
        ({"images": [], "error": "blocked by content policy"}, TITAN, Refused),
    ],
)
def test_a_refusal_or_an_invalid_answer_stores_nothing(answer: Any, model: str, expected: type) -> None:
    setup = Setup(answer)
    with pytest.raises(expected):
        setup.service.create_images(context(), body=CreateImages(prompt="x", model=model))
    assert (setup.bucket.objects, stored(setup.table)) == ({}, {})


def test_an_image_whose_record_fails_is_deleted() -> None:
    setup = Setup(stability_answer(1))
    setup.table.fail["put_item"] = client_error("InternalServerError")
    with pytest.raises(Unavailable):
        setup.service.create_images(context(), body=CreateImages(prompt="x"))
    assert setup.bucket.objects == {}


def test_the_guardrail_screens_the_prompt_first() -> None:
    blocked = {"wordPolicy": {"customWords": [{"action": "BLOCKED"}]}}
    answer = {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "no"}], "assessments": [blocked]}
    setup = Setup(answer, guardrail_id="g", guardrail_version="1")
    with pytest.raises(Refused):
        setup.service.create_images(context(), body=CreateImages(prompt="x"))


def test_another_callers_image_is_not_found() -> None:
    setup = Setup(stability_answer(1))
    response = setup.service.create_images(context(), body=CreateImages(prompt="x"))
    image_id = response.items[0].id
    for operation in (setup.service.get_image, setup.service.delete_image):
        with pytest.raises(NotFound):
            operation(context(caller=OTHER), id=image_id)
    assert setup.service.get_image(context(caller=CALLER), id=image_id).id == image_id
    setup.service.delete_image(context(), id=image_id)
    assert (setup.bucket.objects, stored(setup.table)) == ({}, {})


def test_get_with_a_prompt_creates_and_without_lists_newest_first() -> None:
    setup = Setup(*[stability_answer(1)] * 3)
    for word in ("one", "two", "three"):
        created = setup.service.list_or_create(context(), query=ListOrCreateQuery(prompt=word))
        assert isinstance(created, Created)
        assert created.status == 201
    first = setup.service.list_or_create(context(), query=ListOrCreateQuery(limit=2))
    rest = setup.service.list_or_create(context(), query=ListOrCreateQuery(limit=2, cursor=first.next_cursor))
    assert {item.prompt for item in [*first.items, *rest.items]} == {"one", "two", "three"}
    assert [item.id for item in first.items] == sorted((item.id for item in first.items), reverse=True)
    with pytest.raises(InvalidRequest):
        setup.service.list_or_create(context(), query=ListOrCreateQuery(cursor="../../x"))


def test_images_name_the_fallback_that_made_them() -> None:
    ended = client_error("ResourceNotFoundException")
    setup = Setup(ended, amazon(1), fallbacks=((STABILITY, TITAN),))
    response = setup.service.create_images(context(), body=CreateImages(prompt="x", seed=5))
    assert (response.model, response.items[0].model) == (TITAN, TITAN)
    assert setup.service.get_image(context(), id=response.items[0].id).model == TITAN


def test_a_fallback_takes_the_parameters_of_the_request() -> None:
    ended = client_error("ResourceNotFoundException")
    setup = Setup(ended, amazon(1), fallbacks=((NOVA, STABILITY, TITAN),))
    # Stability's models have no `guidance`.
    body = CreateImages(prompt="x", model=NOVA, guidance=7.5)
    assert setup.service.create_images(context(), body=body).model == TITAN
    assert [request["modelId"] for request in setup.model.requests] == [NOVA, TITAN]
