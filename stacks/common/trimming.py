"""Trims installed dependencies to what a function needs: a smaller package, and less to read at start-up."""

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from stacks.common.botocore_data import trim_data

# Root certificates of AWS endpoints; DigiCert's are for the China regions.
ROOT_CERTIFICATES = (
    *("Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4"),
    "Starfield Services Root Certificate Authority - G2",
    *("DigiCert Global Root CA", "DigiCert Global Root G2", "DigiCert Global Root G3"),
)
_NEVER_NEEDED = ("*.pyi", "py.typed", "tests", "__pycache__")
# Licenses require their texts to accompany copies. Older packages have them next to METADATA.
_LICENSE_FILE = re.compile(r"(lic|notice|copying|authors)", re.IGNORECASE)
_UNUSED = (
    # Command-line scripts.
    "bin",
    # Resources (`boto3.resource`): the functions use clients.
    *("boto3/data", "boto3/examples"),
    # Time zone data, only read for names the system does not know.
    "dateutil/zoneinfo/dateutil-zoneinfo.tar.gz",
    # Browser support and SOCKS proxies.
    "urllib3/contrib/emscripten",
    # Headers for C, schemas, and another interface to HTML.
    *("lxml/includes", "lxml/isoschematron", "lxml/html"),
)
# The libraries that Pillow's core is linked to. The others are for text, color profiles, WebP and AVIF.
_PILLOW_LIBRARIES_KEPT = tuple(f"lib{name}-" for name in ("Xau", "jpeg", "lzma", "openjp2", "tiff", "xcb", "zstd"))
_POWERTOOLS_KEPT = {"logging", "metrics", "shared", "tracing", "utilities", "warnings", "exceptions"}
# All utilities but those that logging and metrics import.
_POWERTOOLS_UTILITIES_KEPT = {"typing", "jmespath_utils"}


class TrimError(Exception):
    """A dependency has an unexpected layout, so trimming could remove required files."""


def trim(folder: Path, services: Sequence[str]) -> None:
    """Removes from installed packages what functions that call these AWS services never read."""
    for pattern in _NEVER_NEEDED:
        _remove(folder.rglob(pattern))
    _remove(folder / path for path in _UNUSED)
    # Another interface to XML, and Cython's sources.
    for pattern in ("objectify*", "*.pxi", "*.pyx"):
        _remove((folder / "lxml").glob(pattern))
    for dist_info in folder.glob("*.dist-info"):
        _trim_dist_info(dist_info)
    _trim_pillow(folder)
    _trim_botocore(folder / "botocore", services)
    _keep_folders(folder / "aws_lambda_powertools", _POWERTOOLS_KEPT)
    _keep_folders(folder / "aws_lambda_powertools" / "utilities", _POWERTOOLS_UTILITIES_KEPT)


def select_certificates(bundle: str, labels: Sequence[str]) -> str:
    """The certificates with these labels from a bundle in certifi's format, in the bundle's order."""
    chosen = [entry for entry in bundle.split("\n\n") if (label := _label(entry)) and label in labels]
    missing = set(labels) - {_label(entry) for entry in chosen}
    if missing:
        raise TrimError(f"botocore's certificates have none called {', '.join(sorted(missing))}")
    return "\n\n".join(entry.strip() for entry in chosen) + "\n"


def _label(entry: str) -> str | None:
    lines = [line for line in entry.splitlines() if line.startswith("# Label:")]
    return lines[0].removeprefix("# Label:").strip().strip('"') if lines else None


def _trim_dist_info(dist_info: Path) -> None:
    """Keeps the license texts, and the fields of METADATA that scanners and SBOMs read: name, version, license.

    RECORD would list files that trimming removed.
    """
    metadata = dist_info / "METADATA"
    # The description follows the fields.
    fields = metadata.read_text("utf-8").partition("\n\n")[0]
    metadata.write_text(f"{fields}\n", "utf-8")
    kept = ("METADATA", "licenses")
    _remove(path for path in dist_info.iterdir() if path.name not in kept and not _LICENSE_FILE.match(path.name))


def _trim_pillow(folder: Path) -> None:
    """Keeps what thumbnails need: JPEG and PNG."""
    _remove(path for path in (folder / "PIL").glob("_*.so") if not path.name.startswith("_imaging."))
    _remove(path for path in folder.glob("pillow.libs/*") if not path.name.startswith(_PILLOW_LIBRARIES_KEPT))


def _trim_botocore(botocore: Path, services: Sequence[str]) -> None:
    if not botocore.is_dir():
        return
    missing = [service for service in services if not (botocore / "data" / service).is_dir()]
    if missing:
        raise TrimError(f"botocore has no data for {', '.join(missing)}")
    _keep_folders(botocore / "data", set(services))
    _remove((botocore / "data").rglob("examples-*"))
    trim_data(botocore / "data", services)
    certificates = botocore / "cacert.pem"
    certificates.write_text(select_certificates(certificates.read_text("utf-8"), ROOT_CERTIFICATES), "utf-8")


def _keep_folders(parent: Path, kept: set[str]) -> None:
    if parent.is_dir():
        _remove(path for path in parent.iterdir() if path.is_dir() and path.name not in kept)


def _remove(paths: Iterable[Path]) -> None:
    # Listed first, since the folder changes during the loop.
    for path in sorted(paths):
        remover: Callable[[Path], object] = shutil.rmtree if path.is_dir() else Path.unlink
        if path.exists():
            remover(path)
