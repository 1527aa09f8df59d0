"""The ApplicationMaster's code as a zip that Python runs.

It is part of the submission, so its size matters: it contains only what an AM imports, without
comments, docstrings, imports for types and types in signatures, but with unchanged line numbers, so
that a traceback fits the source. The modules are an uncompressed zip within the zip: compressed as
one piece they take two thirds of the space.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tempfile
import threading
import tokenize
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import h11

import yarnhub
from yarnhub.base.files import is_own

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARTS = ("__init__.py", "base", "hadoop", "yarn", "filesystem", "spec", "control", "appmaster")
_EXCLUDED = (
    "appmaster/shell/journal/file.py",
    "base/background.py",
    "base/file_lock.py",
    "base/held_open.py",
    "base/home_folder.py",
    "base/single_flight.py",
    "yarn/addresses.py",
    "yarn/logs",
    "yarn/queues",
    "filesystem/acl.py",
    "filesystem/delegation.py",
    "filesystem/fsspec_hdfs.py",
    "filesystem/fsspec_names.py",
    "filesystem/guarded.py",
    "filesystem/hdfs.py",
    "filesystem/key_provider.py",
    "filesystem/local.py",
    "filesystem/loopback.py",
    "filesystem/mount_table.py",
    "filesystem/name_node.py",
    "filesystem/open.py",
    "filesystem/threads.py",
    "filesystem/viewfs.py",
    "hadoop/conf.py",
    "hadoop/host_names.py",
    "hadoop/security/acceptor.py",
    "hadoop/security/auth_to_local.py",
    "hadoop/security/authentication.py",
    "hadoop/security/kerberos.py",
    "hadoop/security/negotiate.py",
    "hadoop/wire/guard.py",
    "spec/sources.py",
)
_MODULES = "modules.zip"
_MAIN = f"""\
import os, sys
path = os.path.abspath(".yarnhub.zip")
flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
    file.write(__loader__.get_data("{_MODULES}"))
sys.path.insert(0, path)
from yarnhub.appmaster.shell.main import main
sys.exit(main())
"""
_TYPES = ast.dump(ast.parse("TYPE_CHECKING", mode="eval").body)
_TEXT = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same code gives the same bytes."""
_BUILDING = threading.Lock()
"""Python 3.11 cannot parse in two threads at once: "AST constructor recursion depth mismatch"."""


def cached(folder: Path) -> bytes:
    """The zip's bytes, cached in a folder until the installed code changes.

    Building takes 250 ms, and a whole submission 80 ms.
    """
    fingerprint = hashlib.sha256()
    for name, path in _parts():
        stat = path.stat()
        fingerprint.update(f"{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    kept = folder / f"program-{fingerprint.hexdigest()[:16]}.zip"
    if is_own(kept):
        return kept.read_bytes()
    with _BUILDING:
        if is_own(kept):  # by now
            return kept.read_bytes()
        return _built(folder, kept)


def _built(folder: Path, kept: Path) -> bytes:
    built = build()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(built)
    Path(file.name).replace(kept)
    return built


def build() -> bytes:
    """The zip's bytes, built from the installed packages."""
    modules = {name: lean(path.read_text("utf-8")).encode() for name, path in _parts()}
    packed = _zip(modules, zipfile.ZIP_STORED)
    return _zip({"__main__.py": _MAIN.encode(), _MODULES: packed}, zipfile.ZIP_DEFLATED)


def _zip(files: dict[str, bytes], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, method, 9)
    return buffer.getvalue()


def _parts() -> Iterator[tuple[str, Path]]:
    root = Path(yarnhub.__file__).parent
    for part in _PARTS:
        for path in _sources(root / part):
            name = path.relative_to(root).as_posix()
            if not name.startswith(_EXCLUDED):
                yield f"yarnhub/{name}", path
    root = Path(h11.__file__).parent
    for path in _sources(root):
        if "tests" not in path.parts:
            yield f"h11/{path.relative_to(root).as_posix()}", path


def _sources(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def lean(source: str) -> str:
    """Source without comments, docstrings and types that only checkers read, indented by one space.

    Line numbers do not change. The source must be indented by four spaces. Types of fields stay:
    dataclasses and `control.json` read them.
    """
    lines = source.split("\n")  # not splitlines(): a form feed ends no line of Python's
    in_text: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        row, column = token.start
        if token.type == tokenize.COMMENT:
            lines[row - 1] = lines[row - 1][:column].rstrip()
        elif token.type in _TEXT:
            in_text.update(range(row, token.end[0]))
    tree = ast.parse(source)
    for row, start, end in sorted(_signature_types(tree), reverse=True):
        line = lines[row - 1].encode()  # of which Python counts the bytes
        lines[row - 1] = (line[:start].removesuffix(b" -> ") + line[end:]).decode()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            _blank_strings(node.body, lines)
        elif isinstance(node, ast.If) and ast.dump(node.test) == _TYPES:
            first, last = node.body[0].lineno - 1, node.body[-1].end_lineno or 0
            lines[first:last] = [
                " " * node.body[0].col_offset + "...",
                *[""] * (last - first - 1),
            ]
    return "\n".join(line if at in in_text else _narrow(line) for at, line in enumerate(lines))


def _signature_types(tree: ast.Module) -> Iterator[tuple[int, int, int]]:
    """Row, start and end of each type of a parameter, with its colon, or of a result."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as found):
                start = node.col_offset + len(node.arg.encode())
                one_line = node.lineno == found.end_lineno
            case (
                ast.FunctionDef(returns=ast.expr() as found)
                | ast.AsyncFunctionDef(returns=ast.expr() as found)
            ):
                start, one_line = found.col_offset, found.lineno == found.end_lineno
            case _:
                continue
        if one_line:
            yield found.lineno, start, found.end_col_offset or start


def _narrow(line: str) -> str:
    code = line.lstrip(" ")
    return " " * ((len(line) - len(code)) // 4) + code


def _blank_strings(body: list[ast.stmt], lines: list[str]) -> None:
    strings = [
        statement
        for statement in body
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        and _is_alone(statement, lines)
    ]
    for statement in strings:
        first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
        lines[first:last] = [""] * (last - first)
    if strings and len(strings) == len(body):
        lines[strings[0].lineno - 1] = " " * strings[0].col_offset + "..."


def _is_alone(statement: ast.stmt, lines: list[str]) -> bool:
    """Whether the statement's lines contain nothing else."""
    assert statement.end_lineno is not None
    before = lines[statement.lineno - 1].encode()[: statement.col_offset]
    behind = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :]
    return not before.strip() and not behind.strip()
