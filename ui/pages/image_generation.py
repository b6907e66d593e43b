"""The image generation page: a prompt, its images, and a gallery of the earlier ones."""

import html
from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import components, lists
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.details import details
from ui.entry import Entry
from ui.fields import Fields, kept
from ui.session import client
from ui.texts import t

USE_CASE = "image-generation"
EXAMPLES = ("example_lighthouse", "example_train", "example_market")
ASPECT_RATIOS = ("2:3", "1:1", "16:9", "3:2", "4:5", "9:16")
STYLES = (
    "photographic", "animated-film", "design-sketch", "flat-vector", "graphic-novel", "maximalist",
    "midcentury-retro", "digital-painting",
)  # fmt: skip
MAX_COUNT = 4
_PAGE_SIZE = 8
_MAX_CHARACTERS = 2000
_PROMPT = "images.prompt"
_SHOWN = "images.shown"


def page() -> None:
    """The form, the new images, and the gallery."""
    request = ApiRequest(USE_CASE, "/images")
    components.header("image_generation")
    _examples()
    body, problem = _form(request)
    request.run(body, t("image_generation.drawing"), problem)
    components.outcome(request)
    if request.response:
        _new_images(request.response)
    if request.body:
        details(USE_CASE, "POST", "/images", request.body, request.response)
    _gallery(request)


ENTRY = Entry(USE_CASE, page, probe="/images?limit=1", icon=":material/image:", position=1)


def _examples() -> None:
    st.caption(t("image_generation.examples"))
    with st.container(horizontal=True, gap="small"):
        for name in EXAMPLES:
            st.button(
                t(f"image_generation.{name}_label"),
                key=f"images {name}",
                on_click=_use_example,
                args=(t(f"image_generation.{name}"),),
            )


def _use_example(prompt: str) -> None:
    st.session_state[_PROMPT] = prompt


def _form(request: ApiRequest) -> tuple[dict[str, Any], str | None]:
    fields = Fields()
    with st.form("images"):
        prompt = fields.text_area(
            t("image_generation.prompt"), _PROMPT, _MAX_CHARACTERS, placeholder=t("image_generation.prompt_hint")
        )
        left, middle, right = st.columns(3)
        style = left.selectbox(
            t("image_generation.style"),
            ("", *STYLES),
            format_func=lambda style: t(f"image_generation.style_{style.replace('-', '_') or 'any'}"),
            **kept("images.style"),
        )
        aspect_ratio = middle.selectbox(
            t("image_generation.shape"),
            ASPECT_RATIOS,
            format_func=lambda ratio: f"{t(f'image_generation.shape_{_orientation(ratio)}')} {ratio}",
            **kept("images.shape"),
        )
        count = fields.number(t("image_generation.count"), "images.count", 1, MAX_COUNT, 1, parent=right)
        st.form_submit_button(
            t("image_generation.draw"),
            type="primary",
            icon=":material/brush:",
            on_click=request.start,
            disabled=request.running,
        )
    body = {"prompt": prompt, "count": int(count), "aspectRatio": aspect_ratio}
    problem = fields.problem or (None if prompt else t("image_generation.no_prompt"))
    return {**body, "style": style} if style else body, problem


def _orientation(aspect_ratio: str) -> str:
    width, height = map(int, aspect_ratio.split(":"))
    return "square" if width == height else "wide" if width > height else "tall"


def _new_images(response: Mapping[str, Any]) -> None:
    components.section(t("image_generation.new"))
    _images(response["items"], "new")
    components.usage_line(response)


def _gallery(request: ApiRequest) -> None:
    components.section(t("image_generation.gallery"))
    new = {image["id"] for image in request.response["items"]} if request.response else set()
    try:
        images, more = lists.newest(USE_CASE, "/images", st.session_state.get(_SHOWN, _PAGE_SIZE))
    except Failure as failure:
        components.error_box(failure, "gallery")
        return
    earlier = [image for image in images if image["id"] not in new]
    if not earlier:
        st.caption(t("image_generation.nothing_yet"))
    _images(earlier, "gallery")
    if more and st.button(t("components.more"), key="images more", icon=":material/expand_more:"):
        st.session_state[_SHOWN] = st.session_state.get(_SHOWN, _PAGE_SIZE) + _PAGE_SIZE
        st.rerun()


def _images(images: list[dict[str, Any]], key: str) -> None:
    with st.container(key=f"pictures-{key}"):
        for image in images:
            with st.container(border=True, key=f"picture-{key}-{image['id']}"):
                _image(image)


def _image(image: Mapping[str, Any]) -> None:
    # Downloaded by this process: the browser may not trust, or reach, the stage's file storage.
    try:
        data = _bytes(image["id"], image["url"])
    except Failure:
        st.warning(t("image_generation.not_loaded"))
        data = None
    if data:
        st.image(data, alt=image["prompt"], width="stretch")
    st.html(f'<p class="prompt" dir="auto" title="{html.escape(image["prompt"])}">{html.escape(image["prompt"])}</p>')
    st.caption(f"{image['width']} × {image['height']} · {t('image_generation.seed')} {image['seed']}")
    with st.container(horizontal=True, gap="small"):
        if data:
            extension = image["contentType"].rpartition("/")[2]
            st.download_button(
                t("image_generation.download"),
                data,
                f"{image['id']}.{extension}",
                image["contentType"],
                key=f"download {image['id']}",
                icon=":material/download:",
                on_click="ignore",
            )
        components.delete_button(
            t("components.delete"),
            t("image_generation.confirm_delete"),
            USE_CASE,
            f"/images/{image['id']}",
            lambda: _forget(image),
        )


def _bytes(image_id: str, url: str) -> bytes:
    """The image, cached by its id: its presigned URL differs every time."""
    cache: dict[str, bytes] = st.session_state.setdefault("images.bytes", {})
    if image_id not in cache:
        cache[image_id] = client().download(url)
    return cache[image_id]


def _forget(image: Mapping[str, Any]) -> None:
    request = ApiRequest(USE_CASE, "/images")
    st.session_state.get("images.bytes", {}).pop(image["id"], None)
    if request.response:
        remaining = [item for item in request.response["items"] if item["id"] != image["id"]]
        request.replace_response({**request.response, "items": remaining} if remaining else None)
