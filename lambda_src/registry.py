"""The use cases, each listed once. Stacks, settings, documents, tools and tests are derived from this list.

Functions do not import this module: it is for synthesis and tooling.
"""

import importlib
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from lambda_src.shared.routes import Route

Purpose = Literal["text", "image", "embedding", "rerank"]

# Models to choose from, the preferred ones first. The stage's region decides (stacks/model_choice.py).
_TEXT = (
    "anthropic.claude-haiku-5-5",
    "anthropic.claude-haiku-4-5-20251001-v1:0",
    "amazon.nova-2-lite-v1:0",
    "amazon.nova-lite-v1:0",
)
_SMALL = ("amazon.nova-2-lite-v1:0", "amazon.nova-lite-v1:0")
_MICRO = ("amazon.nova-micro-v1:0",)
_OPEN = ("openai.gpt-oss-20b-1:0",)
_RERANK = ("cohere.rerank-v3-5:0", "amazon.rerank-v1:0")
_EMBEDDING = ("amazon.titan-embed-text-v2:0", "cohere.embed-multilingual-v3")


class RegistryError(Exception):
    """A use case is incomplete. The message names the missing part and says what to do."""


class ModelSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the setting `models`: invocation ids of models for one purpose; the first is the use case's default.

    `defaults` are for stages that list none: for each model to offer, the model ids to choose from, best first.
    `minimum` and `maximum` bound how many ids a stage may list; None means no upper limit.

    `option` names the use case's own setting, true or false, that turns on what the models are for; None means that
    every stage with the use case has them.
    """

    name: str
    purpose: Purpose
    defaults: tuple[tuple[str, ...], ...] = ()
    minimum: int = 1
    maximum: int | None = None
    option: str | None = None

    def __post_init__(self) -> None:
        if len(self.defaults) < self.minimum:
            raise RegistryError(
                f"lambda_src/registry.py: the ModelSetting {self.name!r} needs at least {self.minimum} of `defaults`"
            )


class UseCase(msgspec.Struct, frozen=True, kw_only=True):
    """One use case: one REST API, one stack, one folder.

    `name` is the folder's name in `lambda_src/`, in snake case. A use case that calls no model has no `models`;
    otherwise the first setting is the one that callers choose from, and has the use case's name. `files`: whether it
    stores files in a bucket, besides its table.
    """

    name: str
    title: str
    models: tuple[ModelSetting, ...] = ()
    files: bool = False

    def __post_init__(self) -> None:
        if self.models and self.models[0].name != self.name:
            raise RegistryError(
                f"lambda_src/registry.py: the first ModelSetting of {self.name!r} must have the name {self.name!r}, "
                f"not {self.models[0].name!r}"
            )

    @property
    def id(self) -> str:
        """The name in kebab case, as in stack names, SSM parameters and commands."""
        return self.name.replace("_", "-")

    @property
    def setting(self) -> str:
        """The name in camel case, as in a stage's settings."""
        return camel(self.name)

    @property
    def url_variable(self) -> str:
        """The shell variable in `.local/env` with the API's URL."""
        return f"{self.name.upper()}_URL"

    @property
    def summary(self) -> str:
        """One sentence: the docstring of the use case's package."""
        return (self._import(f"lambda_src.{self.name}", "create the package there").__doc__ or "").strip()

    @property
    def routes(self) -> "tuple[Route, ...]":
        """The route table. Raises `RegistryError` when there is none."""
        module = f"lambda_src.{self.name}.routes"
        return tuple(self._attribute(module, "ROUTES", "list the use case's routes there"))

    @property
    def service(self) -> Any:
        """The class whose methods the routes name. Raises `RegistryError` when there is none."""
        module = self._import(f"lambda_src.{self.name}.service", "define the use case's service there")
        for value in vars(module).values():
            if getattr(value, "__module__", None) == module.__name__ and value.__name__.endswith("Service"):
                return value
        raise RegistryError(f"{_path(module.__name__)} has no class whose name ends in `Service`")

    @property
    def stack(self) -> Any:
        """The stack's class. Raises `RegistryError` when there is none."""
        class_name = "".join(part.capitalize() for part in self.name.split("_")) + "Stack"
        return self._attribute(f"stacks.{self.name}_stack", class_name, "define the use case's stack there")

    def _attribute(self, module: str, name: str, advice: str) -> Any:
        try:
            return getattr(self._import(module, advice), name)
        except AttributeError as error:
            raise RegistryError(f"{self.name}: {_path(module)} has no `{name}`; {advice}") from error

    def _import(self, module: str, advice: str) -> Any:
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise
            raise RegistryError(
                f"{self.name} is listed in lambda_src/registry.py, but {_path(module)} is missing; {advice}. "
                f"{restoring(_path(module))}"
            ) from error


USE_CASES = (
    UseCase(
        name="image_generation",
        title="Image generation",
        models=(
            ModelSetting(
                name="image_generation",
                purpose="image",
                defaults=(("stability.stable-image-core-v1:1",), ("stability.stable-image-ultra-v1:1",)),
            ),
        ),
        files=True,
    ),
    UseCase(
        name="summarization",
        title="Summarization",
        models=(ModelSetting(name="summarization", purpose="text", defaults=(_TEXT,)),),
        files=True,
    ),
    UseCase(
        name="embeddings",
        title="Embeddings",
        models=(ModelSetting(name="embeddings", purpose="embedding", defaults=(_EMBEDDING,)),),
    ),
    UseCase(
        name="chatbot",
        title="Chatbot",
        models=(ModelSetting(name="chatbot", purpose="text", defaults=(_TEXT, _SMALL)),),
        files=True,
    ),
    UseCase(
        name="hr_qa",
        title="HR Q&A",
        models=(
            ModelSetting(name="hr_qa", purpose="text", defaults=(_TEXT,)),
            # The first embeds documents and questions. The others only questions about documents that they embedded
            # before the setting was changed.
            ModelSetting(name="hr_qa_embeddings", purpose="embedding", defaults=(_EMBEDDING,), maximum=3),
            # Optional: reorders the search results.
            ModelSetting(name="hr_qa_rerank", purpose="rerank", defaults=(_RERANK,), minimum=0, maximum=1),
        ),
        files=True,
    ),
    UseCase(
        name="playground",
        title="Playground",
        models=(
            ModelSetting(
                name="playground",
                purpose="text",
                defaults=(_TEXT, _SMALL, _MICRO, _OPEN),
            ),
        ),
    ),
    UseCase(
        name="credit_risk",
        title="Credit risk",
        # Scores need none. Letters about their reasons do.
        models=(ModelSetting(name="credit_risk", purpose="text", defaults=(_TEXT,), option="letters"),),
        files=True,
    ),
)
MODEL_SETTINGS = tuple(setting for use_case in USE_CASES for setting in use_case.models)
# Not ones that a stage chooses: keys, on stages that accept tokens; and reports, on stages that record use.
ACCESS = UseCase(name="access", title="Access")
USAGE = UseCase(name="usage", title="Usage")
# For all callers, on stages that erase and export what they keep of them.
CALLER_DATA = UseCase(name="caller_data", title="Caller data")
PLATFORM = (ACCESS, USAGE, CALLER_DATA)


def camel(name: str) -> str:
    """`hr_qa` -> `hrQa`, as in a stage's settings."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def find(use_case_id: str) -> UseCase:
    """The use case with an id such as `hr-qa`. Raises `LookupError` naming the ids there are."""
    for use_case in USE_CASES:
        if use_case.id == use_case_id:
            return use_case
    raise LookupError(
        f"there is no use case {use_case_id!r}; choose one of {', '.join(known.id for known in USE_CASES)}"
    )


def restoring(path: str) -> str:
    """How to get a missing file of a use case."""
    return f"Restore it with `git checkout -- {path}`, or copy the file of another use case and adapt it"


def _path(module: str) -> str:
    if module.count(".") == 1 and module.startswith("lambda_src."):
        return module.replace(".", "/") + "/__init__.py"
    return module.replace(".", "/") + ".py"
