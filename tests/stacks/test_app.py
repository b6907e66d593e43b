"""Runs the application as the CDK CLI does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.stacks.assemblies import AUDIT, EXTRA_STAGES, ROOT, STACKS, USAGE, cdk_context


def run(tmp_path: Path, **context: Any) -> subprocess.CompletedProcess[str]:
    """Runs app.py with the context in an environment variable, like the CLI."""
    full_context = {**cdk_context(), "aws:cdk:bundling-stacks": [], **context}
    node = str(Path(sys.executable).parent)
    variables = {
        "CDK_CONTEXT_JSON": json.dumps(full_context),
        "CDK_OUTDIR": str(tmp_path),
        "PATH": f"{node}:/usr/bin:/bin",
    }
    command = [sys.executable, str(ROOT / "app.py")]
    return subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_it_writes_the_stacks_of_a_stage(tmp_path: Path) -> None:
    process = run(tmp_path, stage="local", today="2026-11-24")

    assert process.returncode == 0, process.stderr
    assert len(list(tmp_path.glob("bedrock-endpoints-local-*.template.json"))) == len((*STACKS, USAGE, AUDIT))
    assert "Express Mode" not in process.stderr
    assert "hr-qa search: OpenSearch Serverless NextGen scales to zero, floor 0 USD" in process.stderr


def test_it_prints_the_cost_of_the_web_ui(tmp_path: Path) -> None:
    context = {"stages": {"express": EXTRA_STAGES["express"]}, "stage": "express", "today": "2026-11-24"}

    process = run(tmp_path, **context)

    assert process.returncode == 0, process.stderr
    assert "ui web UI: ECS Express Mode, floor about 46 USD a month, used or not" in process.stderr


def test_configuration_errors_have_no_traceback(tmp_path: Path) -> None:
    stages = {"dev": {"regoin": "us-west-2", "account": 1}}

    process = run(tmp_path, stages=stages, stage="dev")

    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert "stages.dev.regoin: unknown setting, did you mean region?" in process.stderr
    assert "stages.dev.account: " in process.stderr
    assert not list(tmp_path.glob("*.template.json"))


def test_the_date_is_an_input(tmp_path: Path) -> None:
    stages = {"dev": {"models": {"imageGeneration": ["amazon.nova-canvas-v1:0"]}}}

    assert "ended on 2026-09-30" in run(tmp_path, stages=stages, stage="dev", today="2026-09-30").stderr
