"""Botocore's data, reduced to the services and operations in use."""

import gzip
import json
import re
from pathlib import Path

from botocore import xform_name

from stacks.common.botocore_data import OPERATIONS, only_operations, trim_data
from tests.stacks.assemblies import ROOT

DESCRIPTION = {
    "metadata": {"endpointPrefix": "x"},
    "documentation": "long",
    "operations": {
        "Get": {"input": {"shape": "In"}, "errors": [{"shape": "Gone"}], "documentation": "long"},
        "Drop": {"input": {"shape": "Other"}},
    },
    "shapes": {
        "In": {"type": "structure", "members": {"documentation": {"shape": "Text", "documentation": "long"}}},
        "Text": {"type": "string"},
        "Gone": {"type": "structure", "members": {}, "exception": True},
        "Other": {"type": "structure", "members": {}},
    },
}


def test_only_called_operations_and_their_shapes_are_kept() -> None:
    trimmed = only_operations(DESCRIPTION, ("Get",))
    assert trimmed["operations"] == {"Get": {"input": {"shape": "In"}, "errors": [{"shape": "Gone"}]}}
    assert set(trimmed["shapes"]) == {"In", "Text", "Gone"}
    assert trimmed["shapes"]["In"]["members"] == {"documentation": {"shape": "Text"}}


def test_an_unlisted_service_keeps_all_operations() -> None:
    assert set(only_operations(DESCRIPTION, None)["operations"]) == {"Get", "Drop"}


def test_only_the_newest_version_and_the_services_endpoints_are_kept(tmp_path: Path) -> None:
    for version in ("2011-01-01", "2020-01-01"):
        folder = tmp_path / "x" / version
        folder.mkdir(parents=True)
        (folder / "service-2.json.gz").write_bytes(gzip.compress(json.dumps(DESCRIPTION).encode()))
    (tmp_path / "endpoints.json").write_text(json.dumps({"partitions": [{"services": {"x": {}, "y": {}}}]}))

    trim_data(tmp_path, ("x",))

    remaining = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert remaining == {"endpoints.json", "x/2020-01-01/service-2.json"}
    assert json.loads((tmp_path / "endpoints.json").read_text()) == {"partitions": [{"services": {"x": {}}}]}


def test_packages_have_the_operations_that_stores_call() -> None:
    calls = re.compile(
        r"(?:_call|_write_if)\(\s{0,20}\"([a-z_]{1,40})\"|s3\.((?:get|put|head|list|delete)_[a-z0-9_]{1,40})\("
        r"|dynamodb\.([a-z_]{1,40})\("
    )
    sources = [path.read_text("utf-8") for path in (ROOT / "lambda_src").rglob("*.py")]
    called = {"".join(names) for source in sources for names in calls.findall(source)}

    assert {"scan", "list_objects_v2", "batch_get_item"} <= called
    kept = {xform_name(operation) for operations in OPERATIONS.values() for operation in operations}
    assert called <= kept
