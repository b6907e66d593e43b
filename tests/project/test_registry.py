"""The registry and the files agree: what is missing is named, with what to do."""

import inspect
import tomllib
from pathlib import Path

import msgspec
import pytest

from lambda_src import registry
from lambda_src.registry import PLATFORM, USE_CASES, ModelSetting, RegistryError, UseCase, restoring
from lambda_src.shared.catalog import Purpose
from stacks.common.use_case_stack import UseCaseStack
from ui.entries import entries
from ui.texts import LANGUAGES

ROOT = Path(__file__).parents[2]
SNAPSHOTS = "tests/stacks/__snapshots__/test_snapshots/test_templates_are_the_reviewed_ones"


def test_every_folder_with_routes_is_registered() -> None:
    folders = {path.parent.name for path in (ROOT / "lambda_src").glob("*/routes.py")} - {"shared"}

    unregistered = folders - {use_case.name for use_case in (*USE_CASES, *PLATFORM)}
    assert not unregistered, f"add {unregistered} to USE_CASES in lambda_src/registry.py"


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.id)
def test_a_use_case_is_complete(use_case: UseCase) -> None:
    name = use_case.name
    written = (
        f"lambda_src/{name}/handler.py",
        f"lambda_src/{name}/service.py",
        f"lambda_src/{name}/caller_data/handler.py",
        f"tests/lambda_src/{name}/test_service.py",
        f"tests/e2e/test_{name}.py",
        f"ui/pages/{name}.py",
        f"ui/texts/{name}.toml",
    )
    advice = {
        **{path: restoring(path) for path in written},
        f"docs/openapi/{use_case.id}.json": "Run `make openapi`",
        f"{SNAPSHOTS}[{use_case.id}].json": "Run `make snapshots`",
    }
    for path in advice:
        assert (ROOT / path).is_file(), f"{path} is missing. {advice[path]}"
    assert issubclass(use_case.stack, UseCaseStack)
    assert use_case.routes
    summary = (
        f"the docstring of lambda_src/{name}/__init__.py is the use case's summary: a sentence with a final period"
    )
    assert use_case.summary.endswith("."), summary


@pytest.mark.parametrize("use_case", [*USE_CASES, *PLATFORM], ids=lambda use_case: use_case.id)
def test_operations_are_the_services_methods(use_case: UseCase) -> None:
    check_operations(use_case)


def check_operations(use_case: UseCase) -> None:
    service, folder = use_case.service, f"lambda_src/{use_case.name}"
    for route in use_case.routes:
        where = f"{folder}/routes.py, {route.method} {route.path}: "
        method = getattr(service, route.operation, None)
        advice = f"correct `operation`, or add the method to {folder}/service.py"
        assert callable(method), f"{where}{service.__name__} has no method `{route.operation}`; {advice}"
        passed = {*route.path_parameters, *(["body"] if route.request else []), *(["query"] if route.query else [])}
        taken = {*inspect.signature(method).parameters} - {"self", "context"}
        advice = f"`{service.__name__}.{route.operation}` in {folder}/service.py must take just these"
        assert taken == passed, f"{where}the route passes {sorted(passed)}; {advice}"


def test_an_operation_without_a_method_is_named() -> None:
    with pytest.raises(AssertionError, match=r"EmbeddingService has no method `embed`; correct `operation`, or add"):
        check_operations(with_routes(operation="embed"))


def test_an_operation_with_other_parameters_is_named() -> None:
    with pytest.raises(
        AssertionError, match=r"the route passes \['body', 'id'\]; `EmbeddingService.create_embeddings`"
    ):
        check_operations(with_routes(path="/embeddings/{id}"))


def with_routes(**changes: str) -> UseCase:
    """The embeddings use case with one changed route."""
    embeddings = registry.find("embeddings")

    class Changed(UseCase, frozen=True, kw_only=True):
        routes = (msgspec.structs.replace(embeddings.routes[0], **changes),)

    return Changed(name="embeddings", title="Embeddings")


def test_the_web_ui_has_a_page_for_each_use_case() -> None:
    pages = {entry.key for entry in entries()}
    names = {use_case.name for use_case in USE_CASES}

    assert not names - pages, f"define an `ENTRY` in ui/pages/ for {sorted(names - pages)}"
    pages -= {use_case.name for use_case in PLATFORM}
    assert not pages - names, f"add {sorted(pages - names)} to USE_CASES in lambda_src/registry.py"


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.id)
def test_the_web_ui_has_the_texts_of_each_use_case(use_case: UseCase) -> None:
    path = f"ui/texts/{use_case.name}.toml"
    assert (ROOT / path).is_file(), f"{path} is missing. {restoring(path)}"
    texts = tomllib.loads((ROOT / path).read_text("utf-8"))

    for key in ("title", "lead", "card", "card_lead"):
        assert set(texts.get(key, ())) == set(LANGUAGES), f"{path}: add `{key}` in {', '.join(LANGUAGES)}"


def test_names_are_unique() -> None:
    names = [use_case.name for use_case in USE_CASES]
    settings = [setting.name for setting in registry.MODEL_SETTINGS]

    assert len(set(names)) == len(names)
    assert len(set(settings)) == len(settings)


def test_the_first_model_setting_has_the_use_cases_name() -> None:
    setting = ModelSetting(name="other", purpose="text", defaults=(("amazon.nova-lite-v1:0",),))

    with pytest.raises(RegistryError, match=r"first ModelSetting of 'notes' must have the name 'notes', not 'other'"):
        UseCase(name="notes", title="Notes", models=(setting,))


def test_a_model_setting_has_its_minimum_of_defaults() -> None:
    with pytest.raises(RegistryError, match=r"registry\.py: the ModelSetting 'notes' needs at least 1 of `defaults`"):
        ModelSetting(name="notes", purpose="text", defaults=())


def test_purposes_are_the_catalogs() -> None:
    assert registry.Purpose == Purpose


def test_a_missing_stack_is_named() -> None:
    with pytest.raises(RegistryError, match=r"is missing; .*`git checkout -- stacks/not_there_stack\.py`"):
        _ = UseCase(name="not_there", title="Not there").stack


def test_a_missing_route_table_is_named() -> None:
    with pytest.raises(RegistryError, match=r"lambda_src/not_there/routes\.py is missing; "):
        _ = UseCase(name="not_there", title="Not there").routes


def test_a_missing_package_is_named() -> None:
    with pytest.raises(RegistryError, match=r"lambda_src/not_there/__init__\.py is missing; "):
        _ = UseCase(name="not_there", title="Not there").summary


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
