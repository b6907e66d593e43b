"""The Bedrock models that this project supports, one row each. A new model is a new row, not new code.

Identifiers, life cycle dates and inference profiles come from AWS's model cards and life cycle tables. Prices are
on-demand prices of US regions from Bedrock's price page, with the date they were read. The cost of a model without a
price is not estimated.
"""

from typing import Literal

import msgspec

Purpose = Literal["text", "embedding", "image", "rerank"]
Number = int | float


class UnknownModel(LookupError):
    """The catalog has no model or inference profile with this id."""


class Range(msgspec.Struct, frozen=True, omit_defaults=True):
    """The values that a parameter may have, and Bedrock's default if there is one. For a list: its length."""

    min: Number
    max: Number
    default: Number | None = None


class Lifecycle(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Dates are ISO 8601. For an active model, `end_of_life_at` is the earliest possible date, not an announced one."""

    status: Literal["active", "legacy", "ended"]
    legacy_at: str | None = None
    end_of_life_at: str | None = None


class Price(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """On-demand prices in `currency`, per million tokens or per image."""

    as_of: str
    input_per_million: float | None = None
    output_per_million: float | None = None
    per_image: float | None = None
    currency: str = "USD"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One foundation model.

    `regions`: where the model id can be called on demand; empty if only inference profiles serve the model.
    `profiles`: profile prefix -> the regions that Bedrock may route the call to.
    `structured_output`: how to request an answer with a JSON schema: Bedrock's schema field, a tool, or the prompt.
    `dimensions`: the lengths of an embedding model's vectors, the default first.
    `forced_tool`: whether the model accepts a forced tool choice.
    """

    id: str
    provider: str
    family: str
    name: str
    purpose: Purpose
    inputs: tuple[Literal["text", "image"], ...]
    lifecycle: Lifecycle
    parameters: dict[str, Range] = {}
    structured_output: Literal["native", "tool", "prompt"] = "prompt"
    forced_tool: bool = True
    prompt_caching: bool = False
    dimensions: tuple[int, ...] = ()
    regions: tuple[str, ...] = ()
    profiles: dict[str, tuple[str, ...]] = {}
    price: Price | None = None


class Invocation(msgspec.Struct, frozen=True):
    """How to call a model: by its id, or by the id of an inference profile with the prefix `profile`."""

    id: str
    model: Model
    profile: str | None = None

    @property
    def destination_regions(self) -> tuple[str, ...]:
        """The regions that the profile may route the call to; empty without a profile."""
        return self.model.profiles[self.profile] if self.profile else ()


US = ("us-east-1", "us-east-2", "us-west-2")
EU = ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3")
GLOBAL = (
    *("af-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2"),
    *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1", "ca-west-1"),
    *EU,
    *("eu-central-2", "eu-west-2", "il-central-1", "me-central-1", "me-south-1", "sa-east-1"),
    *US,
    "us-west-1",
)

_PRICED = "2025-11-01"


def _claude_parameters(max_tokens: int) -> dict[str, Range]:
    return {
        "temperature": Range(0.0, 1.0, 1.0),
        "topP": Range(0.0, 1.0),
        "topK": Range(0, 500),
        "maxTokens": Range(1, max_tokens),
        "stopSequences": Range(0, 4),
    }


_NOVA = {
    "temperature": Range(0.0, 1.0, 0.7),
    "topP": Range(0.0, 1.0, 0.9),
    "topK": Range(0, 128),
    "maxTokens": Range(1, 5000),
    "stopSequences": Range(0, 4),
}
_LLAMA = {
    "temperature": Range(0.0, 1.0, 0.5),
    "topP": Range(0.0, 1.0, 0.9),
    "maxTokens": Range(1, 2048, 512),
}
_SEED_STABILITY = {"seed": Range(0, 4294967294, 0)}
_AMAZON_IMAGE = {
    "seed": Range(0, 2147483646, 0),
    "guidance": Range(1.1, 10.0, 8.0),
    "count": Range(1, 5, 1),
}


def _nova(size: str, inputs: tuple[Literal["text", "image"], ...], input_price: float, output_price: float) -> Model:
    return Model(
        id=f"amazon.nova-{size}-v1:0",
        provider="Amazon",
        family="nova",
        name=f"Nova {size.capitalize()}",
        purpose="text",
        inputs=inputs,
        lifecycle=Lifecycle("active"),
        parameters=_NOVA,
        structured_output="tool",
        prompt_caching=True,
        regions=("us-east-1",),
        profiles={"us": US, "eu": ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3")},
        price=Price(_PRICED, input_price, output_price),
    )


def _llama(version: str, name: str, inputs: tuple[Literal["text", "image"], ...], price: float) -> Model:
    return Model(
        id=f"meta.llama{version}-instruct-v1:0",
        provider="Meta",
        family="llama",
        name=name,
        purpose="text",
        inputs=inputs,
        lifecycle=Lifecycle("active"),
        parameters=_LLAMA,
        structured_output="prompt",
        profiles={"us": US},
        price=Price(_PRICED, price, price),
    )


def _rerank(model_id: str, provider: str, name: str, regions: tuple[str, ...]) -> Model:
    # Priced per query, which `Price` cannot express.
    return Model(
        id=model_id,
        provider=provider,
        family="rerank",
        name=name,
        purpose="rerank",
        inputs=("text",),
        lifecycle=Lifecycle("active"),
        regions=regions,
    )


def _stability(model_id: str, name: str, price: float) -> Model:
    return Model(
        id=model_id,
        provider="Stability AI",
        family="stability",
        name=name,
        purpose="image",
        inputs=("text",),
        lifecycle=Lifecycle("active"),
        parameters=_SEED_STABILITY,
        regions=("us-west-2",),
        price=Price(_PRICED, per_image=price),
    )


def _cohere(model_id: str, name: str) -> Model:
    return Model(
        id=model_id,
        provider="Cohere",
        family="cohere-embed",
        dimensions=(1024,),
        name=name,
        purpose="embedding",
        inputs=("text",),
        lifecycle=Lifecycle("active"),
        regions=("us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-northeast-1", "ap-southeast-2"),
        price=Price(_PRICED, input_per_million=0.10),
    )


MODELS: tuple[Model, ...] = (
    Model(
        id="anthropic.claude-haiku-5-5",
        provider="Anthropic",
        family="claude",
        name="Claude Haiku 5.5",
        purpose="text",
        inputs=("text", "image"),
        lifecycle=Lifecycle("active", end_of_life_at="2027-10-07"),
        # Newer Claude models refuse sampling parameters and a forced tool choice: the row lists only safe ones.
        parameters={"maxTokens": Range(1, 64000), "stopSequences": Range(0, 4)},
        structured_output="native",
        forced_tool=False,
        prompt_caching=True,
        profiles={"us": US, "global": GLOBAL},
    ),
    Model(
        id="anthropic.claude-haiku-4-5-20251001-v1:0",
        provider="Anthropic",
        family="claude",
        name="Claude Haiku 4.5",
        purpose="text",
        inputs=("text", "image"),
        lifecycle=Lifecycle("active", end_of_life_at="2026-10-01"),
        parameters=_claude_parameters(64000),
        structured_output="native",
        prompt_caching=True,
        profiles={"us": US, "eu": EU, "global": GLOBAL},
        price=Price(_PRICED, 1.0, 5.0),
    ),
    Model(
        id="anthropic.claude-3-haiku-20240307-v1:0",
        provider="Anthropic",
        family="claude",
        name="Claude 3 Haiku",
        purpose="text",
        inputs=("text", "image"),
        lifecycle=Lifecycle("ended", end_of_life_at="2026-09-10"),
        parameters=_claude_parameters(4096),
        structured_output="tool",
        regions=("us-east-1", "us-west-2", "eu-central-1", "eu-west-1"),
        profiles={"us": ("us-east-1", "us-west-2")},
        price=Price(_PRICED, 0.25, 1.25),
    ),
    _nova("micro", ("text",), 0.035, 0.14),
    _nova("lite", ("text", "image"), 0.06, 0.24),
    _nova("pro", ("text", "image"), 0.80, 3.20),
    _llama("3-1-8b", "Llama 3.1 8B Instruct", ("text",), 0.22),
    _llama("3-3-70b", "Llama 3.3 70B Instruct", ("text",), 0.72),
    Model(
        id="amazon.titan-embed-text-v2:0",
        provider="Amazon",
        family="titan-embed",
        name="Titan Text Embeddings V2",
        purpose="embedding",
        dimensions=(1024, 512, 256),
        inputs=("text",),
        lifecycle=Lifecycle("active"),
        regions=(
            "us-east-1",
            "us-west-2",
            "eu-central-1",
            "eu-west-1",
            "ap-northeast-1",
            "ap-southeast-2",
            "sa-east-1",
        ),
        price=Price(_PRICED, input_per_million=0.02),
    ),
    _cohere("cohere.embed-multilingual-v3", "Embed Multilingual v3"),
    _cohere("cohere.embed-english-v3", "Embed English v3"),
    _rerank(
        "cohere.rerank-v3-5:0",
        "Cohere",
        "Rerank 3.5",
        ("us-east-1", "us-west-2", "ca-central-1", "eu-central-1", "ap-northeast-1"),
    ),
    _rerank(
        "amazon.rerank-v1:0",
        "Amazon",
        "Rerank 1.0",
        ("us-west-2", "ca-central-1", "eu-central-1", "ap-northeast-1"),
    ),
    _stability("stability.stable-image-core-v1:1", "Stable Image Core", 0.04),
    _stability("stability.stable-image-ultra-v1:1", "Stable Image Ultra", 0.14),
    _stability("stability.sd3-5-large-v1:0", "Stable Diffusion 3.5 Large", 0.08),
    Model(
        id="amazon.titan-image-generator-v2:0",
        provider="Amazon",
        family="titan-image",
        name="Titan Image Generator G1 v2",
        purpose="image",
        inputs=("text",),
        lifecycle=Lifecycle("ended", end_of_life_at="2026-06-30"),
        parameters=_AMAZON_IMAGE,
        regions=("us-east-1", "us-west-2"),
        price=Price(_PRICED, per_image=0.01),
    ),
    Model(
        id="amazon.nova-canvas-v1:0",
        provider="Amazon",
        family="nova-canvas",
        name="Nova Canvas",
        purpose="image",
        inputs=("text",),
        lifecycle=Lifecycle("ended", end_of_life_at="2026-09-30"),
        parameters={**_AMAZON_IMAGE, "guidance": Range(1.1, 10.0, 6.5), "seed": Range(0, 858993459, 12)},
        regions=("us-east-1", "eu-west-1", "ap-northeast-1"),
        price=Price(_PRICED, per_image=0.04),
    ),
)

_BY_ID = {model.id: model for model in MODELS}


def resolve(invocation_id: str) -> Invocation:
    """Looks up a model id, or an inference profile id such as `us.amazon.nova-lite-v1:0`.

    Raises `UnknownModel` when the catalog has no such model, or the model no such profile.
    """
    if invocation_id in _BY_ID:
        return Invocation(invocation_id, _BY_ID[invocation_id])
    prefix, _, model_id = invocation_id.partition(".")
    model = _BY_ID.get(model_id)
    if model is None or prefix not in model.profiles:
        raise UnknownModel(invocation_id)
    return Invocation(invocation_id, model, prefix)


def cost(model: Model, *, input_tokens: int = 0, output_tokens: int = 0, images: int = 0) -> float | None:
    """The estimated on-demand cost in US dollars; None when the catalog has no price."""
    price = model.price
    if price is None:
        return None
    tokens = input_tokens * (price.input_per_million or 0) + output_tokens * (price.output_per_million or 0)
    return tokens / 1_000_000 + images * (price.per_image or 0)
