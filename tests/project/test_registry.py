"""The registry and the files agree: what is missing is named, with what to do."""

import tomllib
from pathlib import Path

import pytest

from lambda_src import registry
from lambda_src.registry import USE_CASES, RegistryError, UseCase
from lambda_src.shared.catalog import Purpose
from stacks.common.use_case_stack import UseCaseStack
from ui.entries import entries
from ui.texts import LANGUAGES

ROOT = Path(__file__).parents[2]
SCAFFOLD = "create all files of a new use case with `make use-case NAME=...`"


def test_every_folder_with_routes_is_registered() -> None:
    folders = {path.parent.name for path in (ROOT / "lambda_src").glob("*/routes.py")} - {"shared"}

    unregistered = folders - {use_case.name for use_case in USE_CASES}
    assert not unregistered, f"add {unregistered} to USE_CASES in lambda_src/registry.py"


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.id)
def test_a_use_case_is_complete(use_case: UseCase) -> None:
    name = use_case.name
    for path in (
        f"lambda_src/{name}/handler.py",
        f"lambda_src/{name}/service.py",
        f"tests/lambda_src/{name}/test_service.py",
        f"tests/e2e/test_{name}.py",
        f"docs/openapi/{use_case.id}.json",
        f"ui/pages/{name}.py",
        f"ui/texts/{name}.toml",
    ):
        assert (ROOT / path).is_file(), f"{path} is missing; {SCAFFOLD}"
    assert issubclass(use_case.stack, UseCaseStack)
    assert use_case.routes
    assert use_case.summary.endswith(".")


def test_the_web_ui_has_a_page_for_each_use_case() -> None:
    pages = {entry.use_case for entry in entries()}

    assert pages == {use_case.id for use_case in USE_CASES}, "each module in ui/pages needs an `ENTRY`"


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.id)
def test_the_web_ui_has_the_texts_of_each_use_case(use_case: UseCase) -> None:
    texts = tomllib.loads((ROOT / "ui" / "texts" / f"{use_case.name}.toml").read_text("utf-8"))

    for key in ("title", "lead", "card", "card_lead"):
        assert set(texts[key]) == set(LANGUAGES), f"ui/texts/{use_case.name}.toml: {key}"


def test_names_are_unique() -> None:
    names = [use_case.name for use_case in USE_CASES]
    settings = [setting.name for setting in registry.MODEL_SETTINGS]

    assert len(set(names)) == len(names)
    assert len(set(settings)) == len(settings)


def test_the_first_model_setting_has_the_use_cases_name() -> None:
    for use_case in USE_CASES:
        assert not use_case.models or use_case.models[0].name == use_case.name


def test_purposes_are_the_catalogs() -> None:
    assert registry.Purpose == Purpose


def test_a_missing_stack_is_named() -> None:
    with pytest.raises(RegistryError, match=r"stacks/not_there_stack\.py is missing; .*make use-case NAME=not_there"):
        _ = UseCase(name="not_there", title="Not there").stack


def test_a_missing_route_table_is_named() -> None:
    with pytest.raises(RegistryError, match=r"lambda_src/not_there.* is missing; "):
        _ = UseCase(name="not_there", title="Not there").routes


def test_an_error_within_a_module_is_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only the module's own absence is a registry error; an import that fails inside it stays what it is."""
    (tmp_path / "broken_stack.py").write_text("import does_not_exist\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    use_case = UseCase(name="broken", title="Broken")

    with pytest.raises(ModuleNotFoundError, match="does_not_exist"):
        use_case._import("broken_stack", "")


def test_an_unknown_id_names_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"'nothing'; choose one of .*hr-qa"):
        registry.find("nothing")
