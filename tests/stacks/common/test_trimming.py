from pathlib import Path

import pytest

from stacks.common.trimming import TrimError, select_certificates, trim

BUNDLE = """
# Issuer: CN=One
# Label: "One"
-----BEGIN CERTIFICATE-----
AAA=
-----END CERTIFICATE-----

# Issuer: CN=Two
# Label: "Two"
-----BEGIN CERTIFICATE-----
BBB=
-----END CERTIFICATE-----
"""


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_certificates_are_selected_by_label() -> None:
    selected = select_certificates(BUNDLE, ["Two"])

    assert "BBB=" in selected
    assert "AAA=" not in selected


def test_a_missing_certificate_is_an_error() -> None:
    with pytest.raises(TrimError, match="Three"):
        select_certificates(BUNDLE, ["One", "Three"])


def test_unused_files_are_removed(tmp_path: Path) -> None:
    touch(tmp_path, "bin/jp", "six-1.dist-info/RECORD", "lib/a.py", "lib/a.pyi", "lib/tests/test_a.py", "lib/bin/a.py")
    touch(tmp_path, "aws_lambda_powertools/metrics/a.py", "aws_lambda_powertools/event_handler/a.py")
    touch(tmp_path, "aws_lambda_powertools/utilities/typing/a.py", "aws_lambda_powertools/utilities/parser/a.py")

    trim(tmp_path, ())

    assert files(tmp_path) == {
        "lib/a.py",
        "lib/bin/a.py",
        "aws_lambda_powertools/metrics/a.py",
        "aws_lambda_powertools/utilities/typing/a.py",
    }


def test_an_unknown_service_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "botocore/data/s3/2006-03-01/service-2.json.gz")

    with pytest.raises(TrimError, match="bedrock"):
        trim(tmp_path, ("s3", "bedrock"))
