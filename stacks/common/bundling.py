"""Builds a function's package without Docker: the use case, `shared/` and trimmed dependencies, all compiled.

Builds are reproducible, so a deployment only changes a function when its code changed.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

import jsii
import msgspec
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from stacks.common import bytecode, dependencies
from stacks.common.package_target import PackageTarget

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "lambda_src"
CACHE = ROOT / ".cache" / "packages"
# The cache key includes the builder, so a changed builder does not reuse old packages.
_BUILDER = ("botocore_data.py", "bundling.py", "bytecode.py", "compile.mjs", "dependencies.py", "trimming.py")

_NOT_COPIED = ("__pycache__", "requirements.*")


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """The inputs of a function's package: its use case, its runtime and the AWS services it calls.

    `part` is the use case's subfolder with the handler, or "" for the use case itself. `libraries` are the folders
    that it shares with functions of other use cases, but not with all: their dependencies are large.
    """

    use_case: str
    target: PackageTarget
    services: tuple[str, ...]
    part: str = ""
    libraries: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of the handler."""
        return SOURCES / self.use_case / self.part

    @property
    def handler(self) -> str:
        """The handler in Lambda's notation."""
        return ".".join((*self.folder.relative_to(ROOT).parts, "handler", "handler"))

    @property
    def requirements(self) -> tuple[Path, ...]:
        """The locked requirements of every function, of this part in any use case, of the use case, of its part, and of
        the libraries."""
        folders = dict.fromkeys((SOURCES, SOURCES / self.use_case, self.folder, *self._library_folders))
        paths = [SOURCES / f"requirements-{self.part}.txt", *(folder / "requirements.txt" for folder in folders)]
        return tuple(path for path in paths if path.is_file())

    @property
    def sources(self) -> tuple[Path, ...]:
        """The source folders in the package."""
        return (SOURCES / self.use_case, SOURCES / "shared", *self._library_folders)

    @property
    def _library_folders(self) -> tuple[Path, ...]:
        return tuple(SOURCES / library for library in self.libraries)


def package_code(package: Package) -> lambda_.Code:
    """The package as a CDK asset. Nothing is built unless the stack is bundled."""
    return lambda_.Code.from_asset(
        # The asset cache is keyed by path and options: with the parent folder, all functions would share a package.
        str(package.folder),
        # Hashing the output covers shared code and dependencies, which are outside that folder.
        asset_hash_type=AssetHashType.OUTPUT,
        bundling=BundlingOptions(image=DockerImage.from_registry("never-used"), local=_LocalBundling(package)),
    )


def build(package: Package, output: Path) -> None:
    """Writes the package's files into a folder, from the cache where possible."""
    for part in (_dependencies(package), _sources(package)):
        shutil.copytree(part, output, dirs_exist_ok=True)


@jsii.implements(ILocalBundling)
class _LocalBundling:
    def __init__(self, package: Package) -> None:
        self._package = package

    def try_bundle(self, output_dir: str, *_options: object, **_more_options: object) -> bool:
        try:
            build(self._package, Path(output_dir))
        except Exception as error:
            # jsii hides the message and its cause; returning False would start Docker.
            sys.stderr.write(f"bundling {self._package.use_case} failed: {error}\n")
            sys.stderr.flush()
            raise
        return True


def _dependencies(package: Package) -> Path:
    key = [_builder_key(), repr(package.target), *package.services, *_contents(package.requirements)]
    return _cached(
        "dependencies",
        key,
        lambda folder: dependencies.install(package.requirements, package.target, package.services, folder),
    )


def _sources(package: Package) -> Path:
    """The project's code, cached apart from the dependencies: it changes more often and is much smaller."""
    files = [path for source in package.sources for path in _copied(source)]
    names = [str(path.relative_to(SOURCES)) for path in files]
    key = [_builder_key(), repr(package.target), *names, *_contents(files)]
    return _cached("sources", key, lambda folder: _copy_and_compile(package, folder))


def _copied(source: Path) -> list[Path]:
    """The files of a folder that go into packages."""
    files = (path for path in sorted(source.rglob("*")) if path.is_file())
    return [file for file in files if not any(fnmatch(part, name) for part in file.parts for name in _NOT_COPIED)]


def _copy_and_compile(package: Package, folder: Path) -> None:
    for source in package.sources:
        ignored = shutil.ignore_patterns(*_NOT_COPIED)
        shutil.copytree(source, folder / source.relative_to(ROOT), ignore=ignored)
    shutil.copyfile(SOURCES / "__init__.py", folder / SOURCES.name / "__init__.py")
    bytecode.compile_folder(folder, package.target)


def _cached(category: str, key: Sequence[str], make: Callable[[Path], None]) -> Path:
    """The cached folder for a key. A missing one is built, then moved into place atomically."""
    folder = CACHE / category / _digest(key)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
        try:
            make(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        except OSError:
            # Another process may have built the same folder in the meantime, with the same content.
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _builder_key() -> str:
    return _digest(_contents(Path(__file__).with_name(name) for name in _BUILDER))


def _contents(paths: Iterable[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
