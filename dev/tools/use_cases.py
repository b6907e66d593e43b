"""The use cases' route tables, by the names that stacks and callers know them by."""

import importlib
from dataclasses import dataclass

from lambda_src.shared.routes import Route

USE_CASES = ("image-generation", "summarization", "embeddings", "chatbot", "hr-qa", "playground")


@dataclass(frozen=True)
class UseCase:
    """One REST API. `name` is in kebab case, `about` one sentence."""

    name: str
    about: str
    routes: tuple[Route, ...]

    @property
    def title(self) -> str:
        return "HR Q&A" if self.name == "hr-qa" else self.name.replace("-", " ").capitalize()

    @property
    def url_variable(self) -> str:
        """The shell variable that `.local/env` keeps its URL in."""
        return self.name.upper().replace("-", "_") + "_URL"


def load(name: str) -> UseCase:
    """A use case by its name, `hr-qa` for the folder `hr_qa`."""
    package = name.replace("-", "_")
    about = importlib.import_module(package).__doc__ or ""
    return UseCase(name, about.strip(), tuple(importlib.import_module(f"{package}.routes").ROUTES))


def load_all() -> list[UseCase]:
    """Every use case that a stage has."""
    return [load(name) for name in USE_CASES]
