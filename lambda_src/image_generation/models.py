"""Request and response types of image generation."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.schemas import ListQuery, ModelId, NonBlank, RequestModel, ResponseModel, Secret, Usage

AspectRatio = Literal["1:1", "2:3", "3:2", "4:5", "5:4", "9:16", "16:9", "9:21", "21:9"]
Style = Literal[
    "photographic",
    "animated-film",
    "design-sketch",
    "flat-vector",
    "graphic-novel",
    "maximalist",
    "midcentury-retro",
    "digital-painting",
]
Prompt = Annotated[NonBlank, Meta(max_length=2000)]


class CreateImages(RequestModel):
    """`seed` makes an image reproducible; `guidance` is how closely the model follows the prompt."""

    prompt: Prompt
    negative_prompt: Prompt | None = None
    count: Annotated[int, Meta(ge=1, le=4)] = 1
    aspect_ratio: AspectRatio = "2:3"
    quality: Literal["standard", "premium"] | None = None
    guidance: Annotated[float, Meta(ge=0, le=100)] | None = None
    seed: Annotated[int, Meta(ge=0, le=4294967294)] | None = None
    style: Style | None = None
    model: ModelId | None = None


class ListOrCreateQuery(ListQuery):
    """`GET /images`: creates one image with `prompt`, lists images without it."""

    prompt: Prompt | None = None
    aspect_ratio: AspectRatio | None = None


class ImageDetails(ResponseModel, kw_only=True):
    """How an image was made. Older images lack what was not stored then."""

    id: str
    content_type: str
    width: int
    height: int
    seed: int
    prompt: str
    negative_prompt: str | UnsetType = UNSET
    aspect_ratio: AspectRatio | UnsetType = UNSET
    style: Style | UnsetType = UNSET
    model: str
    created_at: str


class ImageRecord(ImageDetails, kw_only=True):
    """The stored metadata of an image."""

    has_thumbnail: bool = False


class Image(ImageDetails, kw_only=True):
    """An image; both URLs work until `urlExpiresAt`. `thumbnailUrl` is a JPEG of about 30 kB.

    An image from before there were thumbnails, or whose thumbnail failed, has no `thumbnailUrl`.
    """

    url: Secret
    thumbnail_url: Secret | UnsetType = UNSET
    url_expires_at: str


class CreatedImages(ResponseModel):
    items: list[Image]
    model: str
    usage: Usage
    request_id: str


class ImageAnswer(Image, kw_only=True):
    request_id: str


class ImageList(ResponseModel, kw_only=True):
    items: list[Image]
    next_cursor: str | UnsetType = UNSET
    request_id: str
