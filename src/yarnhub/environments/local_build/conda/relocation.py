"""Makes installed conda packages independent of the folder in which they were installed."""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.environments.local_build import byte_code
from yarnhub.environments.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.environments.threads import Stop

WRITTEN_PREFIX = "/opt/yarnhub-conda-environment"
"""What conda's packages have as their folder: the same in each build, so that it gives the same
bytes. It does not exist, and only an administrator of a node could create it: what programs look
for in it is not found, and is not somebody else's."""
META = "conda-meta"
"""The folder of the descriptions of packages, with the names of their files."""
_LOST = "__clobbers__"
"""Where the library keeps files that another package has replaced."""
_KEPT = frozenset(
    {
        *("arch", "build", "build_number", "constrains", "depends", "files", "license", "md5"),
        *("name", "noarch", "platform", "sha256", "size", "subdir", "timestamp", "version"),
    }
)
"""Of the description of a package: without what depends on the folder, the time or the mirror."""
_WRITTEN = WRITTEN_PREFIX.encode()
_SHEBANG = re.compile(
    rb"#!\s*%s/bin/(?P<program>[^\s/]+)[ \t]*(?P<options>[A-Za-z0-9 =_.-]*)(?=\n|$)"
    % re.escape(_WRITTEN)
)
_ENV = b"#!/usr/bin/env "
_PYTHON = re.compile(rb"python[\d.]*")
_SHELL = re.compile(rb"#!\s*/(usr/)?bin/(env (-S )?)?(ba|da)?sh\b")
_LINK_SCRIPT = re.compile(r"\.(?P<package>.+)-(?:pre|post)-link\.sh")
_FOR_BUILDING = re.compile(
    r"(include|share/(man|info|doc|aclocal|cmake)|lib/(cmake|pkgconfig)|share/pkgconfig)/.*"
    r"|.*\.(a|la|pc|cmake|prl)|bin/[^/]*-config|lib/python[^/]*/config-[^/]*/.*"
    r"|lib/python[^/]*/(__pycache__/)?_sysconfigdata[^/]*|lib/R/etc/(Makeconf|javaconf)"
    r"|conda-meta/.*"
)
"""Files that compilers and their tools use, and documentation."""


def matters_at_run_time(problem: Problem) -> bool:
    """Whether more than compilers and their tools use a file with `WRITTEN_PREFIX`."""
    return problem.kind is not ProblemKind.CONDA_PATH or not _FOR_BUILDING.fullmatch(problem.file)


def relocate(prefix: Path, library: Path, stop: Stop) -> tuple[Problem, ...]:
    """Change what depends on the folder; returns what the packages lack. Blocks.

    Args:
        prefix: The environment, as the library has installed it.
        library: Python's library in it.
        stop: Stops it.
    """
    (prefix / "CACHEDIR.TAG").unlink(missing_ok=True)
    (prefix / library / "EXTERNALLY-MANAGED").unlink(missing_ok=True)
    (prefix / META / "history").unlink(missing_ok=True)
    for file in sorted((prefix / META).glob("*.json")):
        stop.check()
        found = json.loads(file.read_text("utf-8"))
        kept = {key: value for key, value in found.items() if key in _KEPT}
        _replace(file, json.dumps(kept, indent=1, sort_keys=True).encode())
    problems = [*_overwritten(prefix), *_link_scripts(prefix)]
    shutil.rmtree(prefix / _LOST, ignore_errors=True)
    for path in _executables(prefix, stop):
        _make_relocatable(prefix, path)
    # It is compared with the time of its source, which the archive does not keep.
    for folder in [*(prefix / library).rglob(byte_code.FOLDER)]:
        stop.check()
        shutil.rmtree(folder)
    return tuple(problems)


def _overwritten(prefix: Path) -> Iterator[Problem]:
    for package in sorted((prefix / _LOST).glob("*")):
        for path in sorted(package.rglob("*")):
            name = path.relative_to(package)
            kept = prefix / name
            if path.is_dir() and not path.is_symlink():
                continue
            if not (path.is_file() and kept.is_file() and filecmp.cmp(path, kept, shallow=False)):
                detail = f"{package.name} and another conda package"
                yield Problem(name.as_posix(), ProblemKind.OVERWRITTEN, detail)


def _link_scripts(prefix: Path) -> Iterator[Problem]:
    for path in sorted((prefix / "bin").glob(".*.sh")):
        found = _LINK_SCRIPT.fullmatch(path.name)
        if found is not None:
            yield Problem(f"bin/{path.name}", ProblemKind.LINK_SCRIPT, found["package"])


def _executables(folder: Path, stop: Stop) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for each in sorted(entries, key=lambda entry: entry.name):
            stop.check()
            if each.is_symlink():
                continue
            if each.is_dir():
                yield from _executables(Path(each.path), stop)
            elif each.stat().st_mode & 0o100:
                yield Path(each.path)


def _make_relocatable(prefix: Path, path: Path) -> None:
    """Make a script find its interpreter and its files from its own folder, or on the PATH."""
    with path.open("rb") as file:
        if file.read(2) != b"#!":
            return
    content = path.read_bytes()
    if _WRITTEN not in content:
        return
    found = _SHEBANG.match(content)
    if found is not None and _PYTHON.fullmatch(found["program"]):
        begin = _python_shebang(found["options"], _from_itself(prefix / "bin" / "python3", path))
        _replace(path, begin + content[found.end() :])
        return
    if found is not None:
        content = _env_shebang(found["program"], found["options"]) + content[found.end() :]
    first, newline, rest = content.partition(b"\n")
    if _SHELL.match(first) and _WRITTEN in rest:
        first += b"\n_environment=$(CDPATH= cd -- %s && pwd -P)" % _from_itself(prefix, path)
        rest = rest.replace(_WRITTEN, b"${_environment}")
    _replace(path, first + newline + rest)


def _python_shebang(options: bytes, python: bytes) -> bytes:
    """A line of the shell that Python reads as a string, as pip and uv write it."""
    before = options and options + b" "
    return b"#!/bin/sh\n'''exec' %s %s\"$0\" \"$@\"\n' '''" % (python, before)


def _env_shebang(program: bytes, options: bytes) -> bytes:
    return b"%s-S %s %s" % (_ENV, program, options) if options else _ENV + program


def _from_itself(target: Path, path: Path) -> bytes:
    """A word of the shell: a path that starts from the script's folder."""
    relative = os.fsencode(os.path.relpath(target, path.parent))
    return b'"$(dirname -- "$(realpath -- "$0")")"/' + relative


def _replace(path: Path, content: bytes) -> None:
    """Write a file of its own: this one can be a link to the file of a package."""
    mode = path.stat().st_mode & 0o777
    path.unlink()
    path.write_bytes(content)
    path.chmod(mode)
