from importlib.metadata import distributions
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
    touch(tmp_path, "bin/jp", "lib/a.py", "lib/a.pyi", "lib/tests/test_a.py", "lib/bin/a.py")
    touch(tmp_path, "aws_lambda_powertools/metrics/a.py", "aws_lambda_powertools/event_handler/a.py")
    touch(tmp_path, "aws_lambda_powertools/utilities/typing/a.py", "aws_lambda_powertools/utilities/parser/a.py")

    trim(tmp_path, ())

    assert files(tmp_path) == {
        "lib/a.py",
        "lib/bin/a.py",
        "aws_lambda_powertools/metrics/a.py",
        "aws_lambda_powertools/utilities/typing/a.py",
    }


def test_what_scanners_and_licenses_need_of_a_distribution_is_kept(tmp_path: Path) -> None:
    older, newer = "six-1.dist-info", "msgspec-2.dist-info"
    touch(tmp_path, *(f"{older}/{name}" for name in ("RECORD", "WHEEL", "INSTALLER", "top_level.txt", "LICENSE.txt")))
    touch(tmp_path, f"{older}/NOTICE", f"{newer}/RECORD", f"{newer}/licenses/SHARED/MIT.txt")
    for folder, name in ((older, "six"), (newer, "msgspec")):
        fields = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense: MIT\n"
        (tmp_path / folder / "METADATA").write_text(f"{fields}\nA long description.\n\nName: other\n")

    trim(tmp_path, ())

    assert files(tmp_path) == {
        *(f"{older}/{name}" for name in ("METADATA", "LICENSE.txt", "NOTICE")),
        *(f"{newer}/{name}" for name in ("METADATA", "licenses/SHARED/MIT.txt")),
    }
    found = {each.name: each.version for each in distributions(path=[str(tmp_path)])}
    assert found == {"six": "1.0", "msgspec": "1.0"}
    assert "description" not in (tmp_path / older / "METADATA").read_text()


def test_an_unknown_service_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "botocore/data/s3/2006-03-01/service-2.json.gz")

    with pytest.raises(TrimError, match="bedrock"):
        trim(tmp_path, ("s3", "bedrock"))


def test_only_the_formats_of_thumbnails_are_kept_of_pillow(tmp_path: Path) -> None:
    touch(tmp_path, "PIL/Image.py", "PIL/_imaging.cpython-313-aarch64-linux-gnu.so", "PIL/_webp.cpython-313-x86.so")
    touch(tmp_path, "pillow.libs/libjpeg-1.so.62", "pillow.libs/libavif-2.so.16", "pillow.libs/libtiff-3.so.6")

    trim(tmp_path, ())

    assert files(tmp_path) == {
        "PIL/Image.py",
        "PIL/_imaging.cpython-313-aarch64-linux-gnu.so",
        "pillow.libs/libjpeg-1.so.62",
        "pillow.libs/libtiff-3.so.6",
    }
