"""The image generation page: a prompt, its images, and a gallery of the earlier ones."""

import html
from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import components, lists, model_names, pictures
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.details import details
from ui.entry import Entry
from ui.fields import Fields, choice
from ui.file_names import file_name
from ui.pictures import USE_CASE
from ui.texts import t

EXAMPLES = ("example_lighthouse", "example_train", "example_market")
ASPECT_RATIOS = ("2:3", "1:1", "16:9", "3:2", "4:5", "9:16", "5:4", "21:9", "9:21")
STYLES = (
    "photographic", "animated-film", "design-sketch", "flat-vector", "graphic-novel", "maximalist",
    "midcentury-retro", "digital-painting",
)  # fmt: skip
MAX_COUNT = 4
_PAGE_SIZE = 8
_MAX_CHARACTERS = 2000
_MAX_SEED = 4294967294
_PROMPT, _NEGATIVE_PROMPT, _STYLE = "images.prompt", "images.negative_prompt", "images.style"
_SHAPE, _COUNT, _SEED, _MODEL = "images.shape", "images.count", "images.seed", "images.model"
_SHOWN = "images.shown"
_REFILLED = "images.refilled"
# The form is above the image whose values it got.
_FOCUS_PROMPT = """<script>
  document.querySelector(".st-key-images-prompt textarea").focus();
</script>"""


def page() -> None:
    """The form, the new images, and the gallery."""
    request = ApiRequest(USE_CASE, "/images")
    components.header("image_generation")
    _examples()
    body, problem = _form(request)
    if st.session_state.pop(_REFILLED, False):
        st.html(_FOCUS_PROMPT, unsafe_allow_javascript=True)
    request.run(body, t("image_generation.drawing"), problem)
    components.outcome(request)
    if request.response:
        _new_images(request.response)
    # Not of images that were deleted.
    if request.body and (request.response or request.failure):
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
            **choice(_STYLE),
        )
        aspect_ratio = middle.selectbox(
            t("image_generation.shape"),
            ASPECT_RATIOS,
            format_func=lambda ratio: f"{t(f'image_generation.shape_{_orientation(ratio)}')} {ratio}",
            **choice(_SHAPE),
        )
        count = fields.number(t("image_generation.count"), _COUNT, 1, MAX_COUNT, 1, parent=right)
        more = _more_settings(fields)
        st.form_submit_button(
            t("image_generation.draw"),
            type="primary",
            icon=":material/brush:",
            on_click=request.start,
            disabled=request.running,
        )
    body = {"prompt": prompt, "count": count, "aspectRatio": aspect_ratio, **more}
    problem = fields.problem or (None if prompt else t("image_generation.no_prompt"))
    return {**body, "style": style} if style else body, problem


def _more_settings(fields: Fields) -> dict[str, Any]:
    """What is rarely set: only values that are set are sent."""
    used = any(st.session_state.get(key) not in (None, "") for key in (_NEGATIVE_PROMPT, _SEED, _MODEL))
    with st.expander(t("image_generation.more_settings"), icon=":material/tune:", expanded=used):
        negative_prompt = fields.text_area(
            t("image_generation.negative_prompt"),
            _NEGATIVE_PROMPT,
            _MAX_CHARACTERS,
            height=70,
            placeholder=t("image_generation.negative_prompt_hint"),
        )
        left, right = st.columns(2)
        seed = fields.optional_number(
            t("image_generation.seed_label"),
            _SEED,
            0,
            _MAX_SEED,
            parent=left,
            placeholder=t("image_generation.seed_hint"),
            help=t("image_generation.seed_help"),
        )
        models = model_names.offered("image")
        model = (
            None
            if not models
            else right.selectbox(
                t("image_generation.model"),
                models,
                index=None,
                format_func=model_names.label,
                placeholder=t("image_generation.model_default"),
                **choice(_MODEL),
            )
        )
    settings = {"negativePrompt": negative_prompt or None, "seed": seed, "model": model}
    return {name: value for name, value in settings.items() if value is not None}


def _refill(image: Mapping[str, Any]) -> None:
    """Fills the form with an image's values."""
    ratio = image["width"] / image["height"]
    shape = image.get("aspectRatio") or min(ASPECT_RATIOS, key=lambda shape: abs(_ratio(shape) - ratio))
    st.session_state.update(
        {
            _PROMPT: image["prompt"],
            _NEGATIVE_PROMPT: image.get("negativePrompt", ""),
            _STYLE: image.get("style", ""),
            _SHAPE: shape,
            _COUNT: 1,
            _SEED: image["seed"],
            # The stage may not offer it any more.
            _MODEL: image["model"] if image["model"] in model_names.offered("image") else None,
            _REFILLED: True,
        }
    )


def _orientation(aspect_ratio: str) -> str:
    ratio = _ratio(aspect_ratio)
    return "square" if ratio == 1 else "wide" if ratio > 1 else "tall"


def _ratio(aspect_ratio: str) -> float:
    width, height = map(int, aspect_ratio.split(":"))
    return width / height


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
    data = pictures.thumbnail(image)
    if data:
        st.image(data, alt=image["prompt"], width="stretch")
    else:
        st.warning(t("image_generation.not_loaded"))
    st.html(f'<p class="prompt" dir="auto" title="{html.escape(image["prompt"])}">{html.escape(image["prompt"])}</p>')
    _details(image)
    with st.container(horizontal=True, gap="small"):
        components.name_buttons(image["prompt"])
        if st.button(t("image_generation.open"), key=f"open {image['id']}", icon=":material/open_in_full:"):
            st.dialog(t("image_generation.large"), width="large")(_large)(image)
        st.button(
            t("image_generation.again"),
            key=f"again {image['id']}",
            icon=":material/edit:",
            on_click=_refill,
            args=(image,),
        )
        components.delete_button(
            t("components.delete"),
            t("image_generation.confirm_delete"),
            USE_CASE,
            f"/images/{image['id']}",
            lambda: _forget(image),
            lambda: _preview(image),
        )


def _preview(image: Mapping[str, Any]) -> None:
    """Which image it is, small."""
    data = pictures.thumbnail(image)
    if data:
        st.image(data, alt=image["prompt"], width=160)
    st.html(f'<p class="prompt" dir="auto">{html.escape(image["prompt"])}</p>')


def _details(image: Mapping[str, Any]) -> None:
    """When and how the image was made."""
    facts = [
        components.local_time(image["createdAt"]),
        f"{image['width']} × {image['height']}",
        f"{t('image_generation.seed')} {image['seed']}",
        model_names.name(image["model"]),
    ]
    if "style" in image:
        facts.append(t(f"image_generation.style_{image['style'].replace('-', '_')}"))
    lines = [" · ".join(facts)]
    if "negativePrompt" in image:
        lines.append(f"{t('image_generation.without')} {image['negativePrompt']}")
    for line in lines:
        st.html(f'<p class="usage" dir="auto">{html.escape(line)}</p>')


def _large(image: Mapping[str, Any]) -> None:
    """The content of the dialog with the original, which is loaded now."""
    try:
        with st.spinner(t("image_generation.loading")):
            data = pictures.original(image["id"])
    except Failure as failure:
        components.error_box(failure, "original")
        return
    st.image(data, alt=image["prompt"], width="stretch")
    components.model_text(image["prompt"])
    _details(image)
    content_type = pictures.content_type(data, image["contentType"])
    ending = content_type.rpartition("/")[2].replace("jpeg", "jpg")
    day = components.local_date(image["createdAt"])
    st.download_button(
        t("image_generation.download"),
        data,
        file_name(image["prompt"], day, ending, t("image_generation.file")),
        content_type,
        key=f"download {image['id']}",
        icon=":material/download:",
        on_click="ignore",
    )


def _forget(image: Mapping[str, Any]) -> None:
    request = ApiRequest(USE_CASE, "/images")
    pictures.forget(image["id"])
    if request.response:
        remaining = [item for item in request.response["items"] if item["id"] != image["id"]]
        request.replace_response({**request.response, "items": remaining} if remaining else None)
