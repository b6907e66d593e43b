"""The route table of image generation."""

from lambda_src.image_generation.models import CreatedImages, CreateImages, ImageAnswer, ImageList, ListOrCreateQuery
from lambda_src.shared.routes import Route

ROUTES = (
    Route(
        method="POST",
        path="/images",
        operation="create_images",
        summary="Generate one to four images from a prompt",
        status=201,
        request=CreateImages,
        response=CreatedImages,
        idempotent=True,
        calls_model=True,
    ),
    Route(
        method="GET",
        path="/images",
        operation="list_or_create",
        summary="List your images; with `prompt`, generate one (201)",
        query=ListOrCreateQuery,
        response=ImageList,
        other_responses=((201, CreatedImages),),
        calls_model=True,
        model_parameter="prompt",
    ),
    Route(
        method="GET",
        path="/images/{id}",
        operation="get_image",
        summary="Get an image with a fresh URL",
        response=ImageAnswer,
    ),
    Route(
        method="DELETE",
        path="/images/{id}",
        operation="delete_image",
        summary="Delete an image",
        status=204,
    ),
)
