"""The deployed packages. The first build downloads dependencies; then they are cached."""

import _imp
import filecmp
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from http.client import HTTPConnection
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.markers import Marker

from dev.local.ports import choose
from stacks.common import bundling
from stacks.common.bundling import Package
from stacks.common.bytecode import CompileError
from stacks.common.package_target import PackageTarget, host_target
from tests.fakes import png
from tests.stacks.assemblies import Assembly, packages

SERVICES = {name: package.services for name, package in packages().items()}
LIBRARIES = {name: package.libraries for name, package in packages().items()}
STREAMS = {name for name in SERVICES if name.endswith(".stream")}
ENVIRONMENT = {
    "AWS_REGION": "us-west-2",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_EC2_METADATA_DISABLED": "true",
    "STAGE": "test",
    "MODELS": "amazon.titan-embed-text-v2:0",
    "TABLE_NAME": "table",
    "BUCKET_NAME": "bucket",
    "QUEUE_URL": "https://queue.example",
    "SEARCH_ENDPOINT": "https://search.example",
    "SEARCH_INDEX": "chunks",
    "EMBEDDING_MODEL": "amazon.titan-embed-text-v2:0",
    "ISSUERS": '[{"url": "https://idp.example.com", "audiences": ["api"]}]',
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_METRICS_NAMESPACE": "test",
}
# Behind a queue or a schedule, so no caller waits for their start.
NOT_CALLED_BY_THE_GATEWAY = {
    *("hr_qa.ingestion", "chatbot.memory", "chatbot.reader"),
    *("credit_risk.reporting", "credit_risk.processing", "credit_risk.training"),
}
# HR Q&A detects languages and stems words. Its ingestion and the chat's reader read documents. Trainings need NumPy.
MOST_MEGABYTES = {
    **{"hr_qa": 6, "hr_qa.ingestion": 13, "hr_qa.caller_data": 6},
    "chatbot.reader": 12,
    **{"image_generation": 7, "image_generation.caller_data": 7},
    **{"credit_risk.training": 25, "access.authorizer": 9},
}
LAMBDA = PackageTarget("3.13", "arm64", "aarch64-manylinux_2_28")
SYSTEM = {
    "implementation_name": "cpython",
    "platform_machine": "aarch64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}
PYTHON_313_MAGIC = (3571).to_bytes(2, "little") + b"\r\n"
MEGABYTE = 1024 * 1024
ELF_AARCH64 = 183
# Run with -S, so that only the standard library and the package can be imported.
IMPORT_ALONE = """
import importlib, sys
sys.path.append(sys.argv[1])
handler = importlib.import_module(sys.argv[2]).handler
caller = {"identity": {"user": "AIDAANA"}}
event = {"httpMethod": "GET", "resource": "/{proxy+}", "requestContext": caller}
context = type("Context", (), {"get_remaining_time_in_millis": lambda self: 29_000, "aws_request_id": "1"})()
queued = ("ingestion.handler", "memory.handler", "processing.handler", "training.handler", "worker.handler")
if sys.argv[2].endswith(queued):
    assert handler({"Records": []}, context) == {"batchItemFailures": []}
elif sys.argv[2].endswith("reporting.handler"):
    report = importlib.import_module(sys.argv[2]).report
    report.run = lambda deadline: {"champion": {}}
    assert handler({}, context) == {"champion": {}}
elif sys.argv[2].endswith("caller_data.handler") and sys.argv[2].count(".") == 3:
    try:
        handler({}, context)
    except Exception as error:
        assert "missing required field" in str(error)
elif sys.argv[2].endswith("reader.handler"):
    assert handler({"name": "a.txt", "content": "V2h5IHRoaXM/"}, context)["text"] == "Why this?"
elif sys.argv[2].endswith("authorizer.handler"):
    try:
        handler({"headers": {"Authorization": "Bearer a.b.c"}}, context)
    except Exception as error:
        assert str(error) == "Unauthorized" and "jwt" in sys.modules
elif sys.argv[2].startswith("lambda_src.model_lifecycle"):
    assert handler({}, context) == {"ModelsNearEnd": 0, "ModelsEnding": 0, "ModelsNotAsked": 1}
else:
    assert handler(event, context)["statusCode"] == 404
files = [module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
outside = [file for file in files if not file.startswith((sys.argv[1], sys.base_prefix, "/usr/"))]
assert not outside, outside
"""
# Nothing listens on this port: a call that reaches the network had complete service data.
CALL_STORES = """
import sys
sys.path.append(sys.argv[1])
from botocore.exceptions import EndpointConnectionError
from lambda_src.shared import aws
calls = {
    "dynamodb": [("get_item", {"TableName": "t", "Key": {"pk": {"S": "a"}}}), ("query", {"TableName": "t"})],
    "s3": [
        ("put_object", {"Bucket": "bucket", "Key": "k", "Body": b"x"}),
        ("list_object_versions", {"Bucket": "bucket", "Prefix": "k"}),
        ("delete_objects", {"Bucket": "bucket", "Delete": {"Objects": [{"Key": "k", "VersionId": "1"}]}}),
        ("head_object", {"Bucket": "bucket", "Key": "k"}),
        ("copy_object", {"Bucket": "bucket", "Key": "k", "CopySource": {"Bucket": "b", "Key": "k"}}),
        ("create_multipart_upload", {"Bucket": "bucket", "Key": "k"}),
        ("upload_part", {"Bucket": "bucket", "Key": "k", "UploadId": "u", "PartNumber": 1, "Body": b"x"}),
        ("complete_multipart_upload", {"Bucket": "bucket", "Key": "k", "UploadId": "u", "MultipartUpload": {}}),
        ("abort_multipart_upload", {"Bucket": "bucket", "Key": "k", "UploadId": "u"}),
    ],
    "sqs": [
        ("send_message_batch", {"QueueUrl": "http://127.0.0.1:9/q", "Entries": []}),
        (
            "change_message_visibility",
            {"QueueUrl": "http://127.0.0.1:9/q", "ReceiptHandle": "r", "VisibilityTimeout": 1},
        ),
    ],
}
if "lambda" in sys.argv:
    try:
        aws.slow_client("lambda", 1, 1).invoke(FunctionName="f", Payload=b"{}")
    except EndpointConnectionError:
        pass
for service in sys.argv[2:]:
    for operation, arguments in calls.get(service, []):
        try:
            getattr(aws.store_client(service), operation)(**arguments)
        except EndpointConnectionError:
            pass
if "s3" in sys.argv:
    aws.store_client("s3").generate_presigned_post("bucket", "key")
    print(aws.store_client("s3").generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"}))
"""


MAKE_THUMBNAIL = """
import sys
sys.path.append(sys.argv[1])
from lambda_src.image_generation.thumbnails import thumbnail
assert thumbnail(bytes.fromhex(sys.argv[2])).startswith(b"\\xff\\xd8")
assert sys.modules["PIL"].__file__.startswith(sys.argv[1])
"""


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, PackageTarget], Path]:
    built: dict[tuple[str, PackageTarget], Path] = {}

    def build_once(use_case: str, target: PackageTarget) -> Path:
        if (use_case, target) not in built:
            folder = tmp_path_factory.mktemp(use_case)
            bundling.build(package_of(use_case, target), folder)
            built[use_case, target] = folder
        return built[use_case, target]

    return build_once


def package_of(name: str, target: PackageTarget) -> Package:
    use_case, _, part = name.partition(".")
    return Package(use_case=use_case, part=part, target=target, services=SERVICES[name], libraries=LIBRARIES[name])


def zipped_size(folder: Path) -> int:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    return len(buffer.getvalue())


def run_alone(script: str, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", script, *arguments]
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def source_of(compiled: Path) -> Path:
    return compiled.parent.parent / (compiled.name.split(".")[0] + ".py")


@pytest.mark.parametrize("use_case", SERVICES)
def test_a_package_can_be_imported_alone(use_case: str, package: Callable[[str, PackageTarget], Path]) -> None:
    folder = package(use_case, host_target())
    module = "__main__" if use_case in STREAMS else "handler"

    # Without models, a function does not even import what calls them.
    models = {} if {"bedrock", "bedrock-runtime"} & {*SERVICES[use_case]} else {"MODELS": ""}

    process = run_alone(
        IMPORT_ALONE, {**ENVIRONMENT, **models, "USE_CASE": use_case}, str(folder), f"lambda_src.{use_case}.{module}"
    )

    assert process.returncode == 0, process.stderr


def test_the_trimmed_pillow_makes_thumbnails(package: Callable[[str, PackageTarget], Path]) -> None:
    process = run_alone(MAKE_THUMBNAIL, {}, str(package("image_generation", host_target())), png(900, 600).hex())

    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_streaming_package_starts_its_server_alone(
    name: str, package: Callable[[str, PackageTarget], Path], tmp_path: Path
) -> None:
    folder = package(name, host_target())
    python = tmp_path / "python3"
    # Without site packages, so that only the package's modules can be imported.
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -E -S -B "$@"\n')
    python.chmod(0o755)
    port = choose()
    environment = {
        **ENVIRONMENT,
        "USE_CASE": name.removesuffix(".stream"),
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_LWA_PORT": str(port),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    with subprocess.Popen([folder / "lambda_src" / "shared" / "run.sh"], env=environment, cwd="/") as server:
        try:
            assert first_response(port) == (401, "unauthorized")
        finally:
            server.terminate()


def first_response(port: int) -> tuple[int, str]:
    """The status and error code of a request without the gateway's context, retried until the server listens."""
    deadline = time.monotonic() + 60
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", "/")
            response = connection.getresponse()
            return response.status, json.loads(response.read())["error"]["code"]
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        finally:
            connection.close()


@pytest.mark.parametrize("use_case", SERVICES)
def test_the_trimmed_service_data_suffices_for_its_calls(
    use_case: str, package: Callable[[str, PackageTarget], Path]
) -> None:
    folder = package(use_case, host_target())
    variables = {
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }

    process = run_alone(CALL_STORES, variables, str(folder), *SERVICES[use_case])

    assert process.returncode == 0, process.stderr
    assert ("X-Amz-Signature" in process.stdout) == ("s3" in SERVICES[use_case])


@pytest.mark.parametrize("target", [host_target(), LAMBDA], ids=["host", "lambda"])
@pytest.mark.parametrize("use_case", SERVICES)
def test_bytecode_is_complete_and_current(
    use_case: str, target: PackageTarget, package: Callable[[str, PackageTarget], Path]
) -> None:
    folder = package(use_case, target)
    tag = "cpython-" + target.python_version.replace(".", "")
    magic = PYTHON_313_MAGIC if target == LAMBDA else importlib.util.MAGIC_NUMBER
    compiled = list(folder.rglob("*.pyc"))

    assert {source_of(path) for path in compiled} == set(folder.rglob("*.py"))
    for path in compiled:
        content = path.read_bytes()
        assert path.name.endswith(f".{tag}.pyc")
        assert content[:4] == magic
        # PEP 552: hash-based and checked, with the source's hash, keyed by the magic number.
        assert content[4:8] == b"\3\0\0\0"
        key = int.from_bytes(magic, "little")
        assert content[8:16] == _imp.source_hash(key, source_of(path).read_bytes()), path


@pytest.mark.parametrize("use_case", SERVICES)
def test_libraries_are_built_for_lambda(use_case: str, package: Callable[[str, PackageTarget], Path]) -> None:
    libraries = list(package(use_case, LAMBDA).rglob("*.so"))

    assert libraries
    for path in libraries:
        assert int.from_bytes(path.read_bytes()[18:20], "little") == ELF_AARCH64
        assert path.name.endswith(".cpython-313-aarch64-linux-gnu.so") or "cpython" not in path.name


@pytest.mark.parametrize("use_case", SERVICES)
def test_packages_are_small(use_case: str, package: Callable[[str, PackageTarget], Path]) -> None:
    folder = package(use_case, LAMBDA)
    services = {path.name for path in (folder / "botocore" / "data").iterdir() if path.is_dir()}

    assert services == set(SERVICES[use_case])
    assert zipped_size(folder) <= MOST_MEGABYTES.get(use_case, 4) * MEGABYTE


@pytest.mark.parametrize("use_case", SERVICES)
def test_scanners_see_the_libraries_and_their_licenses(
    use_case: str, package: Callable[[str, PackageTarget], Path]
) -> None:
    """pip-audit and syft read the name and version of each distribution from its METADATA."""
    folder = package(use_case, LAMBDA)
    locked = "".join(path.read_text("utf-8") for path in package_of(use_case, LAMBDA).requirements)
    lines = re.findall(r"^([\w.-]+)==(\S+)(?: ; (.+))? \\$", locked, re.MULTILINE)
    versions = {name: version for name, version, marker in lines if not marker or Marker(marker).evaluate(SYSTEM)}

    found = list(distributions(path=[str(folder)]))

    assert {each.metadata["Name"].lower().replace("_", "-"): each.version for each in found} == versions
    for each in found:
        texts = [
            path for path in Path(str(each.locate_file(""))).glob(f"{stem(each)}.dist-info/**/*") if path.is_file()
        ]
        assert any(path.name != "METADATA" and path.stat().st_size > 500 for path in texts), each.name


def stem(distribution: Distribution) -> str:
    """The name and version as in the name of its folder."""
    return f"{re.sub(r'[-.]+', '_', distribution.name).lower()}-{distribution.version}"


def test_only_packages_with_the_reader_have_its_dependencies(package: Callable[[str, PackageTarget], Path]) -> None:
    assert (package("hr_qa.ingestion", LAMBDA) / "pypdfium2").is_dir()
    assert (package("chatbot.reader", LAMBDA) / "pypdfium2").is_dir()
    assert not (package("hr_qa", LAMBDA) / "pypdfium2").exists()
    assert not (package("chatbot", LAMBDA) / "pypdfium2").exists()


def test_a_package_contains_no_other_use_case(package: Callable[[str, PackageTarget], Path]) -> None:
    folder = package("embeddings", LAMBDA)

    names = {path.name for path in (folder / "lambda_src").iterdir()}
    assert names == {"__init__.py", "__pycache__", "embeddings", "shared"}
    assert not list(folder.rglob("requirements*"))


def test_the_same_sources_give_the_same_package(
    package: Callable[[str, PackageTarget], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = package("embeddings", host_target())
    monkeypatch.setattr(bundling, "CACHE", tmp_path / "cache")

    bundling.build(
        Package(use_case="embeddings", target=host_target(), services=SERVICES["embeddings"]), tmp_path / "out"
    )

    names = sorted(path.relative_to(first) for path in first.rglob("*"))
    assert sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*")) == names
    _, differing, errors = filecmp.cmpfiles(
        first, tmp_path / "out", [str(name) for name in names if (first / name).is_file()], False
    )
    assert (differing, errors) == ([], [])


@pytest.mark.parametrize("name", ["run.sh", "http.py"])
def test_every_copied_file_is_part_of_the_cache_key(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(bundling.SOURCES, tmp_path / "lambda_src")
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    monkeypatch.setattr(bundling, "SOURCES", tmp_path / "lambda_src")
    monkeypatch.setattr(bundling, "CACHE", tmp_path / "cache")
    package = Package(use_case="playground", target=host_target(), services=(), part="stream")
    before = bundling._sources(package)

    with (tmp_path / "lambda_src" / "shared" / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    after = bundling._sources(package)

    assert before != after
    assert (after / "lambda_src" / "shared" / name).read_text("utf-8").endswith("# changed\n")


def test_a_failed_build_leaves_nothing_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "CACHE", tmp_path)
    broken = Package(use_case="embeddings", target=PackageTarget("3.99", "arm64"), services=())

    with pytest.raises(CompileError):
        bundling._sources(broken)

    assert list(tmp_path.rglob("*.py")) == []


def test_packages_have_the_services_that_roles_allow(assembly_of: Callable[[str], Assembly]) -> None:
    """A package has its services' data only: a call to another service would fail at the first request."""
    for template in assembly_of("dev").templates:
        use_case = template.name.split("-", 3)[3].replace("-", "_")
        allowed = {action.split(":")[0] for statement in template.statements() for action in statement["Action"]}
        bedrock = "bedrock" if use_case == "model_lifecycle" else "bedrock-runtime"
        names = {"bedrock": bedrock, "dynamodb": "dynamodb", "lambda": "lambda", "s3": "s3", "sqs": "sqs"}
        actions = {action for statement in template.statements() for action in statement["Action"]}
        reranks = {"bedrock-agent-runtime"} if "bedrock:Rerank" in actions else set()
        # OpenSearch is called over HTTP without botocore.
        needed = {names[prefix] for prefix in allowed - {"logs", "xray", "aoss"}} | reranks
        assert needed == set(SERVICES[use_case])
