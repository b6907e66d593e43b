"""`make use-case` creates use cases that work from the start."""

import json
from pathlib import Path

import pytest

from dev.tools.docs import PARTS
from dev.tools.use_case import GENERATED, REGISTRY, ScaffoldError, create
from lambda_src.registry import USE_CASES
from tests.scaffold.conftest import NEW, ROOT, Copy

SYNTHESIZE = """
import json, sys
from pathlib import Path
from tests.stacks.assemblies import STAGES, synthesize
folder = Path(sys.argv[1])
print(json.dumps([synthesize(stage, folder / stage).template("{use_case}").content for stage in STAGES]))
"""


def test_a_new_use_case_is_few_files(tmp_path: Path) -> None:
    project = Copy(tmp_path)

    printed = project.python("-m", "dev.tools.use_case", "scaffold_text").splitlines()

    counts = [int(line.split()[0]) for line in printed if line.endswith(":")]
    assert sum(counts[:2]) <= 14
    assert [line.split()[1] for line in printed if line.endswith(":")] == ["new:", "changed:", "generated:"]
    assert len([line for line in printed if line.startswith("  ")]) == sum(counts)
    new = printed[1 : counts[0] + 1]
    assert all((project.root / line.strip()).is_file() for line in new)


def test_the_generated_files_are_those_of_every_use_case() -> None:
    of_one = {f"docs/explanation/{use_case.id}.md" for use_case in USE_CASES}
    assert set(PARTS) - of_one <= set(GENERATED)
    assert all((ROOT / path.replace("$id", "hr-qa")).is_file() for path in GENERATED)


@pytest.mark.parametrize("name", NEW)
def test_its_stack_is_synthesized_in_every_stage(copy: Copy, name: str) -> None:
    code = SYNTHESIZE.format(use_case=name.replace("_", "-"))
    folder = copy.root / ".cache" / f"synth-{name}"

    templates = json.loads(copy.python("-c", code, str(folder)).splitlines()[-1])

    for template in templates:
        types = [resource["Type"] for resource in template["Resources"].values()]
        assert {"AWS::ApiGateway::RestApi", "AWS::Lambda::Function", "AWS::DynamoDB::Table"} <= set(types)
        assert ("bedrock:InvokeModel" in json.dumps(template)) == (NEW[name] == "text")


def test_its_own_tests_and_the_general_ones_pass(copy: Copy) -> None:
    tests = [f"tests/lambda_src/{name}" for name in NEW]
    general = [
        "tests/docs",
        "tests/lambda_src/test_guardrail_coverage.py",
        "tests/lambda_src/test_invalid_requests.py",
        "tests/project/test_registry.py",
        "tests/dev/tools/test_openapi.py",
        "tests/ui/test_texts.py",
        "tests/ui/test_pages.py",
    ]

    copy.python("-m", "pytest", *tests, *general)


def test_its_code_is_clean(copy: Copy) -> None:
    files = [
        path.format(name=name)
        for name in NEW
        for path in (
            "lambda_src/{name}",
            "stacks/{name}_stack.py",
            "ui/pages/{name}.py",
            "tests/lambda_src/{name}",
            "tests/e2e/test_{name}.py",
        )
    ]
    copy.python("-m", "ruff", "check", REGISTRY, *files)
    copy.python("-m", "ruff", "format", "--check", REGISTRY, *files)
    copy.python("-m", "mypy")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", r"Name it: make use-case NAME=translation"),
        ("Translation", r"'Translation' is not a valid name: use up to 30 lowercase letters and digits"),
        ("a-b", r"is not a valid name"),
        ("x" * 31, r"is not a valid name"),
        ("class", r"'class' is a reserved name"),
        ("shared", r"'shared' is a reserved name"),
        ("embeddings", r"'embeddings' already exists"),
        ("hr_qa_embeddings", r"'hr_qa_embeddings' already exists"),
    ],
)
def test_an_unusable_name_writes_nothing(tmp_path: Path, name: str, message: str) -> None:
    project = Copy(tmp_path)
    before = (project.root / REGISTRY).read_text()

    with pytest.raises(ScaffoldError, match=message):
        create(project.root, name, "text")

    assert (project.root / REGISTRY).read_text() == before


def test_a_file_in_the_way_writes_nothing(tmp_path: Path) -> None:
    project = Copy(tmp_path)
    blocking = project.root / "ui" / "pages" / "scaffold_text.py"
    blocking.write_text("# mine\n")

    with pytest.raises(ScaffoldError, match=r"ui/pages/scaffold_text\.py already exists"):
        create(project.root, "scaffold_text", "text")

    assert not (project.root / "lambda_src" / "scaffold_text").exists()
    assert blocking.read_text() == "# mine\n"
