"""What the documents say is there."""

import re
import subprocess
from pathlib import Path

import pytest

from dev.tools.docs import PARTS, rendered
from lambda_src.registry import USE_CASES
from lambda_src.shared import errors
from lambda_src.shared.routes import Route

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("dev/**/*.md"), ROOT / "clients" / "README.md"]
API = (ROOT / "docs" / "api.md").read_text()
ROUTES: list[Route] = [route for use_case in USE_CASES for route in use_case.routes]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_in_the_contract(route: Route) -> None:
    line = f"`{route.method} {route.path}`"
    mention = re.search(rf"`{route.method} {re.escape(route.path)}(?:`(\*?)|\?)", API)
    assert mention, f"add {line} to docs/api.md"
    assert (mention[1] == "*") == route.idempotent, f"docs/api.md: {line} has a * if and only if it is idempotent"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_successes_have_the_fields_in_the_contract(route: Route) -> None:
    types = [body_type for body_type in (route.response, *dict(route.other_responses).values()) if body_type]
    fields = [set(body_type.__struct_fields__) for body_type in types]
    assert all("request_id" in names for names in fields)
    if route.calls_model and route.path not in ("/comparisons", "/searches"):
        assert any({"model", "usage"} <= names for names in fields)


def test_every_error_is_in_the_contract() -> None:
    for error in errors.ApiError.__subclasses__():
        assert re.search(rf"\|[^|]*\b{error.status}\b[^|]*\|[^|]*`{error.code}`", API), error.code


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_anchors_are_headings() -> None:
    for page in PAGES:
        for link, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page.read_text()):
            if link.startswith("http"):
                continue
            target = page.parent / link if link else page
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name}: {link}#{anchor}"


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in sorted((ROOT / "docs").rglob("*.md")):
        path = str(page.relative_to(ROOT / "docs"))
        assert path == "README.md" or f"]({path})" in index, f"add {path} to docs/README.md"


@pytest.mark.parametrize("page", PARTS)
def test_generated_parts_are_current(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert rendered(page, text) == text, "run `make openapi`"


def test_every_make_target_in_the_readme_is_one() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        named = set(re.findall(r"(?:^|`)make ([a-z0-9-]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, page.name


def test_bare_make_lists_the_targets() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in (
        "local",
        "local-stop",
        "local-reset",
        "test",
        "lint",
        "synth",
        "snapshots",
        "deploy",
        "destroy",
        "doctor",
    ):
        assert f"make {target} " in listed
