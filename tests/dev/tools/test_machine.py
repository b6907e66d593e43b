"""The versions on this machine are compared with the project's pins."""

import json
from pathlib import Path

import pytest

from dev.tools import machine


def project(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("aws-cdk-lib==2.1.0 \\\n    --hash=x\nnodejs-wheel==24.19.0 \\\n")
    (tmp_path / "package.json").write_text(json.dumps({"devDependencies": {"aws-cdk": "2.2.0"}}))
    return tmp_path


@pytest.mark.parametrize(
    ("node", "cdk", "library", "python", "levels"),
    [
        ("v24.19.0", "2.2.0 (build 1)", "2.1.0", (3, 13, 1), ["ok", "ok", "ok", "ok"]),
        ("v24.1.0", "2.2.0", "2.1.0", (3, 11, 0), ["ok", "ok", "ok", "ok"]),
        ("v22.1.0", "2.3.0", "2.0.0", (3, 10, 9), ["fail", "warning", "fail", "fail"]),
        (None, None, None, (3, 12, 0), ["ok", "fail", "fail", "fail"]),
    ],
)
def test_versions(
    tmp_path: Path,
    node: str | None,
    cdk: str | None,
    library: str | None,
    python: tuple[int, ...],
    levels: list[str],
) -> None:
    outputs = {"node": node, "cdk": cdk}

    findings = machine.versions(project(tmp_path), lambda command: outputs[command[0]], python, lambda _name: library)

    assert [finding.level for finding in findings] == levels


def test_versions_without_pins_do_not_pass(tmp_path: Path) -> None:
    findings = machine.versions(tmp_path, lambda _command: "v2.2.0", (3, 13, 0), lambda _name: "2.1.0")

    assert [finding.level for finding in findings] == ["ok", "ok", "fail", "fail"]


def test_a_missing_program_has_no_version(tmp_path: Path) -> None:
    assert machine.runner(tmp_path)(["no-such-program-here", "--version"]) is None
    assert machine.installed("no-such-package-here") is None
