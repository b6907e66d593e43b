"""`python -m dev.tools.use_case NAME [--models text|none]`: adds a use case that works, and prints what to do next."""

import argparse
import keyword
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

from stacks.common.tools import find

ROOT = Path(__file__).parents[2]
TEMPLATES = Path(__file__).with_name("scaffold")
REGISTRY = "lambda_src/registry.py"
API_DOC = "docs/api.md"
# Template -> file. `$name` stands for the use case's name; the templates of a variant are in a folder of their own.
COMMON_FILES: Mapping[str, str] = {
    "common/__init__.py.txt": "lambda_src/$name/__init__.py",
    "common/caller_data_init.py.txt": "lambda_src/$name/caller_data/__init__.py",
    "common/stack.py.txt": "stacks/${name}_stack.py",
}
VARIANT_FILES: Mapping[str, str] = {
    "models.py.txt": "lambda_src/$name/models.py",
    "routes.py.txt": "lambda_src/$name/routes.py",
    "service.py.txt": "lambda_src/$name/service.py",
    "handler.py.txt": "lambda_src/$name/handler.py",
    "caller_data.py.txt": "lambda_src/$name/caller_data/handler.py",
    "page.py.txt": "ui/pages/$name.py",
    "texts.toml.txt": "ui/texts/$name.toml",
    "test_service.py.txt": "tests/lambda_src/$name/test_service.py",
    "test_e2e.py.txt": "tests/e2e/test_$name.py",
}
# What `make use-case` generates after that, from the registry and the routes.
GENERATED = (
    "docs/openapi/$id.json",
    "tests/stacks/__snapshots__/test_snapshots/test_templates_are_the_reviewed_ones[$id].json",
    "README.md",
    "docs/explanation/architecture.md",
    "docs/reference/settings.md",
    "docs/regions.md",
)
SUMMARIES = {"text": "a model answers a text.", "none": "stores texts for their callers."}
_REGISTRY_END = ")\nMODEL_SETTINGS = "
_RESERVED = {"shared", "registry", "model_lifecycle", "ui", "home"}


class ScaffoldError(Exception):
    """The use case cannot be created; the message says why."""


def create(root: Path, name: str, models: str) -> list[Path]:
    """Writes the files of a new use case and registers it. Returns the paths it wrote or changed.

    `models` is `text` for a use case that calls a text model, `none` for one that calls no model. Nothing is written
    when the name is unusable or a file exists; raises `ScaffoldError` then.
    """
    _check_name(root, name)
    variables = _variables(name) | {"summary": SUMMARIES[models]}
    files = {
        root / Template(target).substitute(variables): _render(TEMPLATES / source, variables)
        for source, target in {
            **COMMON_FILES,
            **{f"{models}/{key}": path for key, path in VARIANT_FILES.items()},
        }.items()
    }
    existing = [path for path in files if path.exists()]
    if existing:
        raise ScaffoldError(f"{name}: {existing[0].relative_to(root)} already exists")
    registry = _registered((root / REGISTRY).read_text("utf-8"), variables, models)
    files[root / REGISTRY] = registry
    files[root / API_DOC] = (root / API_DOC).read_text("utf-8") + _render(TEMPLATES / models / "api.md.txt", variables)
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return list(files)


def _check_name(root: Path, name: str) -> None:
    if not name:
        raise ScaffoldError("Name it: make use-case NAME=translation")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > 30:
        rule = "use up to 30 lowercase letters and digits, separated by underscores"
        raise ScaffoldError(f"{name!r} is not a valid name: {rule}")
    if name in _RESERVED or keyword.iskeyword(name):
        raise ScaffoldError(f"{name!r} is a reserved name: choose another")
    if (root / "lambda_src" / name).exists() or f'name="{name}"' in (root / REGISTRY).read_text("utf-8"):
        raise ScaffoldError(f"the use case {name!r} already exists")


def _id(name: str) -> str:
    return name.replace("_", "-")


def _variables(name: str) -> dict[str, str]:
    identifier = _id(name)
    title = name.replace("_", " ").capitalize()
    return {
        "name": name,
        "id": identifier,
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "title": title,
        "title_lower": title.lower(),
        "path": f"/{identifier}" if name.endswith("s") else f"/{identifier}s",
    }


def _render(template: Path, variables: Mapping[str, str]) -> str:
    return Template(template.read_text("utf-8")).substitute(variables)


def _registered(registry: str, variables: Mapping[str, str], models: str) -> str:
    if registry.count(_REGISTRY_END) != 1:
        raise ScaffoldError(f"{REGISTRY}: the end of USE_CASES was not found; restore it from the repository")
    lines = [f'        name="{variables["name"]}",', f'        title="{variables["title"]}",']
    if models != "none":
        setting = f'ModelSetting(name="{variables["name"]}", purpose="{models}", defaults=(_TEXT,))'
        lines.append(f"        models=({setting},),")
    entry = "\n".join(["    UseCase(", *lines, "    ),\n"])
    return registry.replace(_REGISTRY_END, entry + _REGISTRY_END)


def _format(paths: list[Path]) -> None:
    """Only these files: an error in another one must not stop the command."""
    for command in (("format", "--quiet"), ("check", "--fix-only", "--quiet")):
        subprocess.run([find("ruff"), *command, *map(str, paths)], cwd=ROOT, check=True)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.tools.use_case", description="Adds a use case.")
    parser.add_argument("name", help="in snake case, such as translation")
    parser.add_argument("--models", choices=("text", "none"), default="text", help="the models it calls")
    arguments = parser.parse_args()
    try:
        paths = create(ROOT, arguments.name, arguments.models)
    except ScaffoldError as error:
        print(error, file=sys.stderr)
        return 1
    _format([path for path in paths if path.suffix == ".py"])
    changed = [REGISTRY, API_DOC]
    new = [str(path.relative_to(ROOT)) for path in paths if str(path.relative_to(ROOT)) not in changed]
    generated = [Template(path).substitute(id=_id(arguments.name)) for path in GENERATED]
    for action, names in (("new", new), ("changed", changed), ("generated", generated)):
        print(f"{len(names)} {action}:", *names, sep="\n  ")
    print("\nNext: the checklist in CONTRIBUTING.md, section «A new use case».")
    return 0


if __name__ == "__main__":
    sys.exit(main())
