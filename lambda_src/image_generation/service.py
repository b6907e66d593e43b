"""Generates images, stores them in S3 with a record in DynamoDB, and returns presigned URLs."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import UNSET, structs

from lambda_src.image_generation.families import FAMILIES, Family, GeneratedImage
from lambda_src.image_generation.models import (
    CreatedImages,
    CreateImages,
    Image,
    ImageAnswer,
    ImageList,
    ImageRecord,
    ListOrCreateQuery,
)
from lambda_src.image_generation.pictures import erase_pictures
from lambda_src.image_generation.resources import object_key, thumbnail_key
from lambda_src.image_generation.thumbnails import CONTENT_TYPE, thumbnail
from lambda_src.shared import aws
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import InvalidRequest, ModelFailed
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.routes import Created
from lambda_src.shared.schemas import Usage
from lambda_src.shared.settings import Settings
from lambda_src.shared.store import RecordStore

URL_SECONDS = 3600
# Storing up to four images of a few megabytes takes a second or two. With less time left it would not finish.
SAVE_SECONDS = 2.0
# A thumbnail takes 0.1 s. With less time left, the images are stored without: they are paid for.
THUMBNAIL_SECONDS = 2.0


class ImageService:
    """The operations of image generation's route table."""

    def __init__(self, settings: Settings, bedrock: Bedrock, store: RecordStore | None = None, s3: Any = None) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._store = store or RecordStore(settings.table_name, "image", ImageRecord, days=settings.record_days)
        self._s3 = s3 or aws.store_client("s3")

    def create_images(self, context: Context, *, body: CreateImages) -> CreatedImages:
        """Generates, stores and returns the images: all of them or none."""
        chosen = self._settings.model(context, body.model)
        # Refuses unsupported parameters before any call is paid for.
        _bodies(chosen, body)
        screened = self._screen(context, body)
        images, invocation = self._bedrock.answer(
            context, chosen, lambda limited, model: self._generate(limited, model, screened)
        )
        self._bedrock.screen_pictures(context, [image.data for image in images])
        context.deadline.require(SAVE_SECONDS)
        records = self._save(context, body, invocation, images)
        if self._settings.payload_logging:
            logger.info("payload", request_id=context.request_id, prompt=body.prompt)
        return CreatedImages(
            items=[self._image(record) for record in records],
            model=invocation.id,
            usage=Usage(images=len(records)),
            request_id=context.request_id,
        )

    def list_or_create(self, context: Context, *, query: ListOrCreateQuery) -> ImageList | Created:
        """The caller's images, newest first; with a prompt, one new image."""
        if query.prompt is not None:
            body = CreateImages(prompt=query.prompt, aspect_ratio=query.aspect_ratio or "2:3")
            return Created(self.create_images(context, body=body))
        if query.aspect_ratio is not None:
            raise InvalidRequest.at("query.aspectRatio", "needs a prompt")
        records, cursor = self._store.page(context.caller, query.limit, query.cursor)
        items = [self._image(record) for record in records]
        return ImageList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get_image(self, context: Context, *, id: str) -> ImageAnswer:
        """An image with a fresh URL. Raises `NotFound`."""
        image = self._image(self._store.get(context.caller, id))
        return ImageAnswer(**structs.asdict(image), request_id=context.request_id)

    def delete_image(self, context: Context, *, id: str) -> None:
        """Deletes the record last: if something fails before it, a retry still finds it. Raises `NotFound`."""
        record = self._store.get(context.caller, id)
        IdempotencyStore.of(self._store).forget(record.id)
        erase_pictures(self._s3, str(self._settings.bucket_name), record.id)
        self._store.delete(context.caller, id)

    def _screen(self, context: Context, body: CreateImages) -> CreateImages:
        """The request after the guardrail, which InvokeModel does not apply to an image model's prompts."""
        prompt, negative_prompt = self._bedrock.screen(context, body.prompt, body.negative_prompt or "")
        return structs.replace(body, prompt=prompt, negative_prompt=negative_prompt or None)

    def _generate(self, context: Context, invocation: Invocation, body: CreateImages) -> list[GeneratedImage]:
        family, bodies, seed = _bodies(invocation, body)

        def call(number: int) -> list[GeneratedImage]:
            answer, _ = self._bedrock.invoke(context, invocation, bodies[number])
            images = family.parse(answer, seed + number)
            context.count_use(invocation, images=len(images))
            return images

        with ThreadPoolExecutor(max_workers=len(bodies)) as pool:
            images = [image for images in pool.map(call, range(len(bodies))) for image in images]
        if len(images) < body.count:
            raise ModelFailed("The model returned fewer images than requested.")
        return images

    def _save(
        self, context: Context, body: CreateImages, invocation: Invocation, images: list[GeneratedImage]
    ) -> list[ImageRecord]:
        created_at = timestamp()
        records = [
            ImageRecord(
                id=new_id(),
                content_type="image/png",
                width=image.width,
                height=image.height,
                seed=image.seed,
                prompt=body.prompt,
                negative_prompt=body.negative_prompt or UNSET,
                aspect_ratio=body.aspect_ratio,
                style=body.style or UNSET,
                model=invocation.id,
                created_at=created_at,
            )
            for image in images
        ]
        context.idempotency.keep_with(*[record.id for record in records])
        try:
            for record, image in zip(records, images, strict=True):
                self._put(object_key(record.id), image.data, record.content_type)
                record.has_thumbnail = self._put_thumbnail(context, record.id, image.data)
                self._store.put(context.caller, record.id, record)
        except Exception:
            self._clean_up(context.caller, records)
            raise
        return records

    def _clean_up(self, caller: str, records: list[ImageRecord]) -> None:
        for record in records:
            try:
                erase_pictures(self._s3, str(self._settings.bucket_name), record.id)
                self._store.delete(caller, record.id)
            except Exception as error:
                # The caller gets the first failure; this one is logged only.
                logger.warning("image not cleaned up", image=record.id, error=type(error).__name__)

    def _image(self, record: ImageRecord) -> Image:
        details = structs.asdict(record)
        has_thumbnail = details.pop("has_thumbnail")
        return Image(
            **details,
            url=self._url(object_key(record.id)),
            thumbnail_url=self._url(thumbnail_key(record.id)) if has_thumbnail else UNSET,
            url_expires_at=timestamp(time.time() + URL_SECONDS),
        )

    def _url(self, key: str) -> str:
        url: str = self._s3.generate_presigned_url(
            "get_object", Params={"Bucket": self._settings.bucket_name, "Key": key}, ExpiresIn=URL_SECONDS
        )
        return url

    def _put_thumbnail(self, context: Context, image_id: str, data: bytes) -> bool:
        """Whether the image got a thumbnail. Without one, the caller still gets the image."""
        if context.deadline.seconds_left < THUMBNAIL_SECONDS:
            return False
        try:
            self._put(thumbnail_key(image_id), thumbnail(data), CONTENT_TYPE)
        except Exception as error:
            logger.warning("no thumbnail", image=image_id, error=type(error).__name__)
            return False
        return True

    def _put(self, key: str, data: bytes, content_type: str) -> None:
        with aws.store_errors():
            self._s3.put_object(Bucket=self._settings.bucket_name, Key=key, Body=data, ContentType=content_type)


def _bodies(invocation: Invocation, body: CreateImages) -> tuple[Family, list[dict[str, Any]], int]:
    """The model's family, its requests, and the seed of the first. Raises `InvalidRequest`."""
    family = FAMILIES[invocation.model.family]
    seed = body.seed if body.seed is not None else 1 + secrets.randbelow(family.max_seed)
    if seed > family.max_seed:
        raise InvalidRequest.at("body.seed", f"this model takes 0 to {family.max_seed}")
    return family, family.bodies(body, seed), seed
