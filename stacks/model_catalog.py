"""Where the catalog's models are served: by region, and by inference profile from source region to destinations."""

from collections.abc import Iterator

import msgspec

from lambda_src.shared.catalog import FILE, Invocation, Model

ANY_REGION = "*"


class Source(msgspec.Struct, frozen=True):
    """Where figures come from, and the day on which they were read or saved. `regions`: those it was read in."""

    title: str
    read: str
    regions: tuple[str, ...] = ()


class Row(Model, frozen=True, kw_only=True):
    """A model with what only the deployment needs.

    `regions`: where the model id can be called on demand.
    `profiles`: profile prefix -> the name of its routing.
    `prompt_cache_minimum`: the fewest tokens that Bedrock caches. A figure without a source is None.
    `sources`: kind of figure -> the key of its source, or of several, the newest first.
    """

    regions: tuple[str, ...] = ()
    prompt_cache_minimum: int | None = None
    max_text_tokens: int | None = None
    context_tokens: int | None = None
    image_tokens: int | None = None
    sources: dict[str, str | tuple[str, ...]] = {}


class Catalog(msgspec.Struct, frozen=True):
    """The content of `models.json`. `routings`: name -> source region -> destinations."""

    sources: dict[str, Source]
    routings: dict[str, dict[str, tuple[str, ...]]]
    models: dict[str, Row]


CATALOG = msgspec.json.decode(FILE.read_bytes(), type=Catalog)


def row(invocation: Invocation) -> Row:
    """The full row of the invocation's model."""
    return CATALOG.models[invocation.model.id]


def destinations(invocation: Invocation, region: str) -> tuple[str, ...]:
    """The regions that may process a call from `region`: `ANY_REGION` alone for a global profile.

    Empty when the model, or its profile, cannot be called there as far as a source says.
    """
    if invocation.profile is None:
        return (region,) if region in row(invocation).regions else ()
    return CATALOG.routings[invocation.model.profiles[invocation.profile]].get(region, ())


def source_regions(invocation: Invocation) -> tuple[str, ...]:
    """The regions that the invocation can be called in."""
    if invocation.profile is None:
        return row(invocation).regions
    return tuple(CATALOG.routings[invocation.model.profiles[invocation.profile]])


def ways(model: Model) -> Iterator[Invocation]:
    """The ways to call a model: geographic profiles, the model id, the global profile."""
    for prefix in model.profiles:
        if prefix != "global":
            yield Invocation(f"{prefix}.{model.id}", model, prefix)
    yield Invocation(model.id, model)
    if "global" in model.profiles:
        yield Invocation(f"global.{model.id}", model, "global")
