"""The Bruno collection is the route tables', and Bruno's own parser reads it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dev.tools import bruno
from dev.tools.openapi import body_of
from lambda_src.registry import USE_CASES, UseCase
from lambda_src.shared.routes import Route

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "collections" / "bruno"
REQUESTS = [(use_case, route) for use_case in USE_CASES for route in use_case.routes]
# Reads every file with what Bruno reads it with, and prints file -> JSON.
PARSE = """
const bru = require('@usebruno/lang'), fs = require('fs'), read = {};
for (const name of process.argv.slice(1)) {
  const text = fs.readFileSync(name, 'utf8');
  const parse = name.startsWith('environments/') ? bru.bruToEnvJsonV2
    : /(folder|collection)\\.bru$/.test(name) ? bru.collectionBruToJson
    : name.endsWith('.env') ? bru.dotenvToJson : bru.bruToJsonV2;
  read[name] = parse(text);
}
console.log(JSON.stringify(read));
"""


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    """File name -> what Bruno's parser makes of it."""
    return parsed(FOLDER, sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.bru")))


def test_the_collection_is_the_tables() -> None:
    written = {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.rglob("[!.]*") if path.is_file()}

    assert written == bruno.files(USE_CASES), "run `make openapi`"


@pytest.mark.parametrize(
    ("use_case", "route"), REQUESTS, ids=[f"{one.id} {route.operation}" for one, route in REQUESTS]
)
def test_request_is_the_routes(read: dict[str, Any], use_case: UseCase, route: Route) -> None:
    request = read[f"{use_case.id}/{bruno.file_name(route)}"]

    assert request["http"]["method"] == route.method.lower()
    path = route.path.removeprefix("/").replace("{id}", ":id")
    assert request["http"]["url"] == f"{{{{{bruno.base_variable(use_case)}}}}}{path}"
    assert request["http"]["auth"] == "inherit"
    body = request.get("body", {}).get("json")
    assert (json.loads(body) if body else None) == body_of(use_case, route)
    names = [one["name"] for one in request.get("params", []) if one["type"] == "path"]
    assert names == list(route.path_parameters)
    switched_off = [one for one in request.get("headers", []) if not one["enabled"]]
    assert [one["name"] for one in switched_off] == (["Idempotency-Key"] if route.idempotent else [])


def test_what_is_optional_in_a_query_is_switched_off(read: dict[str, Any]) -> None:
    parameters = read["hr-qa/list-documents.bru"]["params"]

    assert [(one["name"], one["enabled"]) for one in parameters] == [("limit", False), ("cursor", False)]


def test_requests_are_signed_with_the_environments_keys(read: dict[str, Any]) -> None:
    assert read["collection.bru"]["auth"] == {
        "mode": "awsv4",
        "awsv4": {
            "accessKeyId": "{{accessKeyId}}",
            "secretAccessKey": "{{secretAccessKey}}",
            "sessionToken": "{{sessionToken}}",
            "service": "execute-api",
            "region": "{{region}}",
            "profileName": "",
        },
    }


def test_environments_hold_no_value_of_their_own(read: dict[str, Any]) -> None:
    for name in ("local", "aws"):
        variables = {one["name"]: one["value"] for one in read[f"environments/{name}.bru"]["variables"]}

        assert variables.pop("sessionToken") == ("" if name == "local" else "{{process.env.AWS_SESSION_TOKEN}}")
        assert variables["hrQaUrl"] == "{{process.env.HR_QA_URL}}"
        assert all(value.startswith("{{process.env.") for value in variables.values())
        assert len(variables) == 3 + len(USE_CASES)


def test_the_local_stages_file_serves_as_bruno_takes_one(tmp_path: Path) -> None:
    from dev.local.environment import Endpoint
    from dev.local.stage import env_file

    keys = {"accessKeyId": "AKIALOCAL", "secretAccessKey": "a'b"}
    written = env_file(Endpoint(4566, tmp_path / "ca.pem"), keys, {"hr-qa": "https://localhost:4566/v1/"})
    (tmp_path / ".env").write_text(written)

    variables = parsed(tmp_path, [".env"])[".env"]

    assert variables["AWS_ACCESS_KEY_ID"] == "AKIALOCAL"
    assert variables["AWS_REGION"] == "us-east-1"
    assert variables["HR_QA_URL"] == "https://localhost:4566/v1/"


def parsed(folder: Path, names: list[str]) -> dict[str, Any]:
    ran = subprocess.run(
        [ROOT / ".venv" / "bin" / "node", "-e", PARSE, "--", *names],
        cwd=folder,
        env={"NODE_PATH": str(ROOT / "node_modules"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(ran.stdout)
    return told
