"""The Python that runs this program, as an archive that runs on any node of the same architecture.

    bin/python3        a script that starts the next two
    bin/python3.11     the interpreter
    lib/ld-linux*.so*  the dynamic loader that it was linked for
    lib/*.so*          all shared libraries that it and its modules need, libc included
    lib/python3.11/    the standard library, compiled

With its own loader and libc, it needs only a node's kernel: its own libc may be
older or newer, or none at all. What no ApplicationMaster imports is left out.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import marshal
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import is_own

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMAT = 3
"""Raised when what is in an archive changes for the same Python."""
_EXCLUDED = frozenset(
    {
        *("__pycache__", "curses", "dbm", "dist-packages", "distutils", "ensurepip", "idlelib"),
        *("lib2to3", "msilib", "pydoc.py", "pydoc_data", "site-packages", "sqlite3", "test"),
        *("tests", "tkinter", "turtle.py", "turtledemo", "unittest", "venv", "wsgiref", "xmlrpc"),
    }
)
_EXTENSIONS_LEFT_OUT = re.compile(
    r"_?(audioop|codecs_\w+|crypt|ctypes_test|curses\w*|dbm|gdbm|nis|ossaudiodev|readline|spwd"
    r"|sqlite3|test\w*|tkinter|xx\w*)"
)
"""Some of them have large libraries behind them."""
_NAME_SERVICE = ("libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2")
"""What libc loads by itself to look up a host."""
_LAUNCHER = """\
#!/bin/sh
here=$(cd "${0%%/*}/.." && pwd -P) || exit 127
exec "$here/lib/%s" --library-path "$here/lib" "$here/bin/%s" "$@"
"""
_FIRST_MODULE = "encodings/__init__.py"
"""The first module that an interpreter imports from a file, whatever its options."""
_OWN_NAME = b"""
import sys as _sys
_sys.executable = f"{_sys.prefix}/bin/python3"
"""
"""Appended to the first module, so that programs which start `sys.executable` start the script: the
bare interpreter would run with the node's libraries. The loader's option `--argv0` has the same
effect, but only since glibc 2.33."""


def cached(folder: Path) -> Path:
    """The archive, from a folder where it is kept until this program's Python changes.

    Building takes some seconds. Its name holds the sum of its content.

    Raises:
        ConfigurationError: No archive can be made of this Python.
    """
    executable = _executable()
    status = executable.stat()
    identity = f"{_FORMAT} {sys.version} {executable} {status.st_size} {status.st_mtime_ns}"
    start = f"python-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"
    for kept in filter(is_own, folder.glob(f"{start}-*.tar.gz")):
        return kept
    content = build()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(content)
    path = folder / f"{start}-{hashlib.sha256(content).hexdigest()[:16]}.tar.gz"
    return Path(file.name).replace(path)


def build() -> bytes:
    """The archive of this program's Python; the same Python gives the same bytes.

    Raises:
        ConfigurationError: The libraries that it needs cannot be found.
    """
    executable = _executable()
    library = Path(os.__file__).parent
    extensions = [
        path
        for path in sorted((library / "lib-dynload").glob("*.so"))
        if not _EXTENSIONS_LEFT_OUT.fullmatch(path.name.partition(".")[0])
    ]
    loader, libraries = _shared_libraries([executable, *extensions])
    contents = io.BytesIO()
    with tarfile.open(fileobj=contents, mode="w", format=tarfile.GNU_FORMAT) as archive:
        program = f"python{sys.version_info.major}.{sys.version_info.minor}"
        start = _LAUNCHER % (loader.name, program)
        _add(archive, "bin/python3", start.encode(), 0o755)
        _add(archive, f"bin/{program}", _stripped(executable), 0o755)
        for name, path in sorted({loader.name: loader, **libraries}.items()):
            _add(archive, f"lib/{name}", _stripped(path), 0o755)
        # Where this interpreter looks for it, from its own place on.
        standard = f"{sys.platlibdir}/{library.name}"
        for path in extensions:
            _add(archive, f"{standard}/lib-dynload/{path.name}", _stripped(path), 0o644)
        for path in _modules(library):
            source, module = path.read_bytes(), path.relative_to(library)
            if module.as_posix() == _FIRST_MODULE:
                source += _OWN_NAME
            compiled = module.with_suffix(".pyc")
            code = _compiled(source, f"{library.name}/{compiled}")
            _add(archive, f"{standard}/{compiled}", code, 0o644)
    return gzip.compress(contents.getvalue(), compresslevel=6, mtime=0)


def _executable() -> Path:
    # In a virtual environment it is the one that this was made from.
    # Any: known to site and venv, unknown to typeshed.
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _modules(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _EXCLUDED or path.name.startswith("config-"):
            continue
        if path.is_dir():
            yield from _modules(path)
        elif path.suffix == ".py":
            yield path


def _stripped(path: Path) -> bytes:
    """A binary without what a debugger reads, which is half of a Python that was built here."""
    with tempfile.NamedTemporaryFile() as file:
        try:
            command = ["strip", "--strip-debug", "-o", file.name, str(path)]
            subprocess.run(command, capture_output=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError):
            return path.read_bytes()  # the program is not installed, or nothing can be stripped
        return Path(file.name).read_bytes()


def _compiled(source: bytes, name: str) -> bytes:
    """A module without its source, docstrings and checks for debugging; it is never compared."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=2)
    # PEP 552: magic, flags, hash. Version 2 of marshal writes no references, which depend on who
    # else holds an object at the moment.
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")
    return head + importlib.util.source_hash(source) + marshal.dumps(code, 2)


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _shared_libraries(binaries: list[Path]) -> tuple[Path, dict[str, Path]]:
    """The dynamic loader, and by name all libraries that these need."""
    try:
        found = subprocess.run(
            ["ldd", *binaries], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(f"ldd cannot list the libraries of Python: {error}") from error
    missing = sorted(set(re.findall(r"(\S+) => not found", found.stdout)))
    if missing:
        raise ConfigurationError(f"libraries of this Python are missing: {', '.join(missing)}")
    libraries = {
        name: Path(path) for name, path in re.findall(r"(\S+) => (/\S+) \(0x", found.stdout)
    }
    loaders = {Path(path) for path in re.findall(r"^\s+(/\S+) \(0x", found.stdout, re.MULTILINE)}
    if len({path.resolve() for path in loaders}) != 1:
        raise ConfigurationError(
            f"no archive can be created from {binaries[0]}: it is not dynamically linked"
        )
    if "libc.so.6" in libraries:
        libc_folder = libraries["libc.so.6"].parent
        libraries |= {
            name: libc_folder / name for name in _NAME_SERVICE if (libc_folder / name).is_file()
        }
    return min(loaders), libraries
