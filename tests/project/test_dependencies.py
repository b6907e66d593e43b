"""What a source tree imports is declared where it is installed from.

All trees share one environment, so an undeclared dependency would go unnoticed until a deployment, an image build or a
user's install.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from dev.tools.lock import EXPORTS, export
from lambda_src.registry import PLATFORM, USE_CASES, UseCase
from stacks.common.tools import find

ROOT = Path(__file__).parents[2]
CLIENT = tomllib.loads((ROOT / "clients" / "pyproject.toml").read_text("utf-8"))["project"]
CLIENT_SOURCE = ROOT / "clients" / "src" / "bedrock_endpoints"
PROVIDERS = packages_distributions()
FIRST_PARTY = {"app", "bedrock_endpoints", "clients", "dev", "lambda_src", "stacks", "tests", "ui"}
FUNCTIONS = ("lambda_src/requirements.txt", "lambda_src/requirements-stream.txt")
# Source tree -> the requirements files it is installed from.
EXPORTED = {
    "stacks": ("requirements.txt",),
    "lambda_src": (
        *FUNCTIONS,
        "lambda_src/hr_qa/requirements.txt",
        "lambda_src/document_reader/requirements.txt",
        "lambda_src/image_generation/requirements.txt",
        "lambda_src/credit_risk/training/requirements.txt",
        "lambda_src/access/authorizer/requirements.txt",
    ),
    "ui": ("ui/requirements.txt",),
}
# Read by the parts whose packages have it.
LIBRARY = "lambda_src.document_reader"
READERS = {ROOT / "lambda_src" / part for part in ("chatbot/reader", "hr_qa/ingestion")}


def imports_of(path: Path) -> Iterator[str]:
    """The top-level names that a module imports, except the standard library and our own packages."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        else:
            continue
        yield from {name.split(".")[0] for name in names} - sys.stdlib_module_names - FIRST_PARTY


def distributions(requirements: Iterable[str]) -> set[str]:
    """The normalized names of distributions in requirement lines."""
    matches = (re.match(r"[A-Za-z0-9._-]+", line) for line in requirements)
    return {normalized(match[0]) for match in matches if match}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def providers_of(name: str) -> set[str]:
    """The distributions that provide a top-level module."""
    return {normalized(distribution) for distribution in PROVIDERS.get(name, ())}


def undeclared(paths: Iterable[Path], declared: set[str]) -> set[str]:
    """The modules that `paths` import and no declared distribution provides."""
    return {name for path in paths for name in imports_of(path) if not declared & providers_of(name)}


@pytest.mark.parametrize("tree", EXPORTED)
def test_exported_requirements_cover_the_imports(tree: str) -> None:
    lines = [line for name in EXPORTED[tree] for line in (ROOT / name).read_text("utf-8").splitlines()]

    advice = "declare it in pyproject.toml, then run `make lock`"
    assert undeclared((ROOT / tree).rglob("*.py"), distributions(lines)) == set(), advice


def test_the_client_declares_what_it_imports() -> None:
    declared = distributions([*CLIENT["dependencies"], *CLIENT["optional-dependencies"]["langchain"]])

    assert undeclared(CLIENT_SOURCE.rglob("*.py"), declared) == set()


def test_the_client_works_without_its_extra() -> None:
    assert undeclared(CLIENT_SOURCE.glob("*.py"), distributions(CLIENT["dependencies"])) == set()


def test_requirements_files_are_those_of_the_lock() -> None:
    for name, selection in EXPORTS.items():
        assert (ROOT / name).read_text("utf-8") == export(selection), f"{name} is stale: run `make lock`"


def test_the_lock_is_that_of_the_projects_files() -> None:
    """uv compares the lock with pyproject.toml; offline, it fails where it would have to resolve anew."""
    command = [find("uv"), "lock", "--check", "--offline"]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert completed.returncode == 0, completed.stderr


@pytest.mark.parametrize("use_case", [*USE_CASES, *PLATFORM], ids=lambda use_case: use_case.id)
def test_a_use_case_imports_no_other_one(use_case: UseCase) -> None:
    """A function's package has one use case's folder, `shared`, and the library that a part names."""
    own = (f"lambda_src.{use_case.name}", "lambda_src.shared")
    for path in (ROOT / "lambda_src" / use_case.name).rglob("*.py"):
        modules = [
            node.module or ""
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom)
        ]
        allowed = (*own, LIBRARY) if path.parent in READERS else own
        foreign = [name for name in modules if name.startswith("lambda_src.") and not name.startswith(allowed)]
        assert not foreign, path


def test_the_reader_of_documents_imports_no_use_case() -> None:
    for path in (ROOT / "lambda_src" / "document_reader").glob("*.py"):
        imported = re.findall(r"from lambda_src\.(\w+)", path.read_text("utf-8"))
        assert set(imported) <= {"document_reader", "shared"}, path
