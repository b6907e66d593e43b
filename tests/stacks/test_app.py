"""The application as the CDK CLI runs it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.stacks.assemblies import EXTRA_STAGES, ROOT, STACKS, cdk_context


def run(tmp_path: Path, **context: Any) -> subprocess.CompletedProcess[str]:
    """Runs app.py as the CLI does: the context is in an environment variable."""
    everything = {**cdk_context(), "aws:cdk:bundling-stacks": [], **context}
    node = str(Path(sys.executable).parent)
    variables = {
        "CDK_CONTEXT_JSON": json.dumps(everything),
        "CDK_OUTDIR": str(tmp_path),
        "PATH": f"{node}:/usr/bin:/bin",
    }
    command = [sys.executable, str(ROOT / "app.py")]
    return subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_it_writes_the_stacks_of_a_stage(tmp_path: Path) -> None:
    done = run(tmp_path, stage="local", today="2026-11-24")

    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("bedrock-endpoints-local-*.template.json"))) == len(STACKS)
    assert "ui page" not in done.stderr
    assert "hr-qa search: OpenSearch Serverless NextGen scales to zero, floor 0 USD" in done.stderr


def test_it_tells_what_the_page_costs_where_there_is_one(tmp_path: Path) -> None:
    context = {"stages": {"page": EXTRA_STAGES["page"]}, "stage": "page", "today": "2026-11-24"}

    done = run(tmp_path, **context)

    assert done.returncode == 0, done.stderr
    assert "ui page: ECS Express Mode, floor about 46 USD a month, used or not" in done.stderr


def test_it_fails_with_the_problems_and_no_traceback(tmp_path: Path) -> None:
    stages = {"dev": {"regoin": "us-west-2", "account": 1}}

    done = run(tmp_path, stages=stages, stage="dev")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "stages.dev.regoin: unknown setting, did you mean region?" in done.stderr
    assert "stages.dev.account: " in done.stderr
    assert not list(tmp_path.glob("*.template.json"))


def test_the_day_is_an_input(tmp_path: Path) -> None:
    stages = {"dev": {"models": {"imageGeneration": ["amazon.nova-canvas-v1:0"]}}}

    assert "ended on 2026-09-30" in run(tmp_path, stages=stages, stage="dev", today="2026-09-30").stderr
