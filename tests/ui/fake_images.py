"""The fake of image generation for the web UI."""

from typing import Any

from lambda_src.image_generation.thumbnails import thumbnail
from tests.ui.fake_api import ErrorResponse, missing, page_of, png, timestamp


class ImageGeneration:
    """Image generation: draws an image of the requested size."""

    url = ""
    SIZES = {"2:3": (240, 360), "1:1": (300, 300), "16:9": (480, 270)}
    COLORS = ("#24516b", "#7a3b2e", "#3d5a3a", "#5b4a7d")

    def __init__(self) -> None:
        self.images: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.downloads: list[str] = []
        """The names of the files that were read."""
        self.refuses_to_delete = False

    def add(
        self, prompt: str, ratio: str = "2:3", seed: int = 7, data: bytes | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Creates an image; `data` replaces the drawing. A field that is None is left out."""
        width, height = self.SIZES.get(ratio, (300, 300))
        name = f"image-{len(self.images)}"
        data = data or png(width, height, self.COLORS[len(self.images) % 4])
        self.files |= {f"{name}.png": data, f"{name}.jpg": thumbnail(data)}
        place = f"{self.url}/stored/image-generation/{name}"
        image = {
            "id": name, "url": f"{place}.png", "thumbnailUrl": f"{place}.jpg", "urlExpiresAt": "2026-11-03T23:00:00Z",
            "contentType": "image/png", "width": width, "height": height, "seed": seed, "prompt": prompt,
            "aspectRatio": ratio, "model": "stability.stable-image-core-v1:1",
            "createdAt": timestamp(len(self.images)), **fields,
        }  # fmt: skip
        self.images.append({key: value for key, value in image.items() if value is not None})
        return self.images[-1]

    def store(self, method: str, name: str, headers: Any, raw: bytes) -> tuple[int, Any, dict[str, str]]:
        self.downloads.append(name)
        return (200, self.files[name], {"Content-Type": "image/*"}) if name in self.files else (404, b"", {})

    def create_images(self, body: Any) -> dict[str, Any]:
        made_with = {"negativePrompt": body.negative_prompt, "style": body.style}
        images = [
            self.add(body.prompt, body.aspect_ratio, (body.seed or 7) + index, **made_with)
            for index in range(body.count)
        ]
        return {"items": images, "model": images[0]["model"], "usage": {"images": body.count}}

    def list_or_create(self, query: Any) -> dict[str, Any]:
        return page_of(self.images[::-1], query)

    def get_image(self, id: str) -> dict[str, Any]:
        return next((image for image in self.images if image["id"] == id), None) or missing()

    def delete_image(self, id: str) -> None:
        if self.refuses_to_delete:
            raise ErrorResponse(503, "unavailable")
        self.images = [image for image in self.images if image["id"] != id]
