"""Pictures: asked of the model, kept in S3 with their record in DynamoDB, given out as presigned URLs."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import UNSET, structs

from lambda_src.image_generation.families import FAMILIES, Family, Picture
from lambda_src.image_generation.models import (
    CreatedImages,
    CreateImages,
    Image,
    ImageAnswer,
    ImageList,
    ImageRecord,
    ListOrCreateQuery,
)
from lambda_src.shared import aws
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalogue import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import InvalidRequest, ModelFailed
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.routes import Created
from lambda_src.shared.schemas import Usage
from lambda_src.shared.settings import Settings
from lambda_src.shared.store import RecordStore

URL_SECONDS = 3600
# Writing up to four pictures of a few megabytes each takes a second or two; begun later it could not end in time.
SAVE_SECONDS = 2.0


class ImageService:
    """The operations of image generation's route table."""

    def __init__(self, settings: Settings, bedrock: Bedrock, store: RecordStore | None = None, s3: Any = None) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._store = store or RecordStore(settings.table_name, "image", ImageRecord)
        self._s3 = s3 or aws.store_client("s3")

    def create_images(self, context: Context, *, body: CreateImages) -> CreatedImages:
        """Make, keep and return the pictures: all of them or none."""
        invocation = self._settings.model(body.model)
        family = FAMILIES[invocation.model.family]
        seed = body.seed if body.seed is not None else 1 + secrets.randbelow(family.max_seed)
        if seed > family.max_seed:
            raise InvalidRequest.at("body.seed", f"this model takes 0 to {family.max_seed}")
        calls = family.bodies(body, seed)  # refuses what the model does not take before anything is paid
        screened = self._bedrock.screen(context, body.prompt)
        if screened != body.prompt:
            calls = family.bodies(structs.replace(body, prompt=screened), seed)
        pictures = self._generate(context, invocation, family, calls, seed)
        if len(pictures) < body.count:
            raise ModelFailed("The model gave fewer pictures than asked for.")
        context.used(invocation).images += len(pictures)
        context.deadline.require(SAVE_SECONDS)
        records = self._save(context, body.prompt, invocation, pictures)
        if self._settings.payload_logging:
            logger.info("payload", request_id=context.request_id, prompt=body.prompt)
        return CreatedImages(
            items=[self._image(record) for record in records],
            model=invocation.id,
            usage=Usage(images=len(records)),
            request_id=context.request_id,
        )

    def list_or_create(self, context: Context, *, query: ListOrCreateQuery) -> ImageList | Created:
        """The caller's pictures, newest first; with a prompt the short form of `create_images`."""
        if query.prompt is not None:
            wish = CreateImages(prompt=query.prompt, aspect_ratio=query.aspect_ratio or "2:3")
            return Created(self.create_images(context, body=wish))
        if query.aspect_ratio is not None:
            raise InvalidRequest.at("query.aspectRatio", "goes with a prompt")
        records, cursor = self._store.page(context.caller, query.limit, query.cursor)
        items = [self._image(record) for record in records]
        return ImageList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get_image(self, context: Context, *, id: str) -> ImageAnswer:
        """One picture with a fresh URL."""
        image = self._image(self._store.get(context.caller, id))
        return ImageAnswer(**structs.asdict(image), request_id=context.request_id)

    def delete_image(self, context: Context, *, id: str) -> None:
        """Picture first: cut off between the two, the record still leads a second call to it."""
        record = self._store.get(context.caller, id)
        self._call_s3("delete_object", Key=_key(record.id))
        self._store.delete(context.caller, id)

    def _generate(
        self, context: Context, invocation: Invocation, family: Family, calls: list[dict[str, Any]], seed: int
    ) -> list[Picture]:
        def one(number: int) -> list[Picture]:
            answer, _ = self._bedrock.invoke(context, invocation, calls[number])
            return family.pictures(answer, seed + number)

        with ThreadPoolExecutor(max_workers=len(calls)) as pool:
            return [picture for pictures in pool.map(one, range(len(calls))) for picture in pictures]

    def _save(
        self, context: Context, prompt: str, invocation: Invocation, pictures: list[Picture]
    ) -> list[ImageRecord]:
        created = timestamp()
        records = [
            ImageRecord(
                id=new_id(),
                content_type="image/png",
                width=picture.width,
                height=picture.height,
                seed=picture.seed,
                prompt=prompt,
                model=invocation.id,
                created_at=created,
            )
            for picture in pictures
        ]
        try:
            for record, picture in zip(records, pictures, strict=True):
                self._call_s3("put_object", Key=_key(record.id), Body=picture.data, ContentType=record.content_type)
                self._store.put(context.caller, record.id, record)
        except Exception:
            self._clean_up(context.caller, records)
            raise
        return records

    def _clean_up(self, caller: str, records: list[ImageRecord]) -> None:
        for record in records:
            try:
                self._call_s3("delete_object", Key=_key(record.id))
                self._store.delete(caller, record.id)
            except Exception as error:  # the first failure is the caller's answer, this one is for the log
                logger.warning("picture left behind", image=record.id, error=type(error).__name__)

    def _image(self, record: ImageRecord) -> Image:
        url = self._s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._settings.bucket_name, "Key": _key(record.id)},
            ExpiresIn=URL_SECONDS,
        )
        return Image(**structs.asdict(record), url=url, url_expires_at=timestamp(time.time() + URL_SECONDS))

    def _call_s3(self, operation: str, **arguments: Any) -> None:
        with aws.store_errors():
            getattr(self._s3, operation)(Bucket=self._settings.bucket_name, **arguments)


def _key(image_id: str) -> str:
    return f"images/{image_id}.png"
