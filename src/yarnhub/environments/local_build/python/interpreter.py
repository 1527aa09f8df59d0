"""A Python interpreter that runs in any folder of any node with the same or a newer libc.

    bin/python3.12, python3, python
    lib/*.so*          the shared libraries that it and its modules need, but not libc
    lib/python3.12/    the standard library, compiled, without tests, tkinter and headers

Run paths start from `$ORIGIN`. It is copied from an installed Python, which uv has installed from
the site's list, or which the machine that builds has.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.environments.local_build import byte_code
from yarnhub.environments.local_build.python.installed import SECONDS, failure, json_of, run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yarnhub.environments.local_build.programs import Programs
    from yarnhub.environments.local_build.python.installed import InstalledPython
    from yarnhub.environments.threads import Stop

FORMAT = 1
"""Raised when a copy of the same Python changes."""
_SKIPPED = frozenset(
    {
        *("__pycache__", "dist-packages", "idlelib", "lib2to3", "site-packages", "test", "tests"),
        *("tkinter", "turtledemo", "turtle.py", "sitecustomize.py", "EXTERNALLY-MANAGED"),
    }
)
"""In the standard library; some of them are for packages or tests of the system's own Python."""
_SKIPPED_MODULES = re.compile(r"(_tkinter|_test\w*|xx\w*|_ctypes_test)\.")
"""`_tkinter` depends on all of X11."""
OF_LIBC = re.compile(
    r"(linux-vdso|ld-linux.*|libc|libm|libpthread|libdl|librt|libutil|libresolv|libnss_.*|libnsl"
    r"|libanl|libmvec|libthread_db)\.so.*"
)
"""Libraries of libc itself, which belong to the node's kernel and name service."""
SETTINGS = re.compile(
    r"(?s)(bin/)?pyvenv\.cfg|bin/([^/]*\._pth|pybuilddir\.txt|Modules/.*)|lib(64)?/python\d*\.zip"
)
"""Files of an environment that tell its interpreter where its modules are."""
_FOUND = re.compile(r"^\s*(\S+) => (/\S+) \(0x", re.MULTILINE)
_MISSING = re.compile(r"(\S+) => not found")
_COPYING = ".copying-"
_ABANDONED_SECONDS = 24 * 3600
"""Age of an incomplete copy that no process is making any more: making one takes seconds."""
_MODULES = ("ssl", "sqlite3", "ctypes", "zlib", "bz2", "lzma", "hashlib", "multiprocessing")

_VERIFY = """\
import importlib, json, site, sys, sysconfig
for name in sys.argv[1:]:
    importlib.import_module(name)
with open("/proc/self/maps") as maps:
    files = {line.split(None, 5)[5].strip() for line in maps if "/" in line and ".so" in line}
print(json.dumps({
    "prefix": sys.prefix, "packages": sysconfig.get_path("platlib"),
    "pure": sysconfig.get_path("purelib"), "path": sys.path, "mapped": sorted(files),
}))
"""
_NOT_DEBIAN = """\
# Of this copy, which has all packages in `site-packages`:
def _get_preferred_schemes():
    return {"prefix": "posix_prefix", "home": "posix_home", "user": "posix_user"}


"""


@dataclass(frozen=True, slots=True)
class InterpreterTree:
    """A copy that runs in any folder.

    Attributes:
        folder: Where it is.
        digest: The hash of its content.
        python: The Python that it was copied from.
        left_out: Extension modules whose libraries are missing on this machine.
    """

    folder: Path
    digest: str
    python: InstalledPython
    left_out: Sequence[str] = ()

    @property
    def program(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python3"


def cached_tree(
    python: InstalledPython, cache: Path, programs: Programs, stop: Stop
) -> InterpreterTree:
    """The copy of a Python, from a cache until a file of the Python changes. Blocks.

    Raises:
        BuildError: It cannot be copied, or the copy does not run.
        Stopped: It was cancelled; nothing incomplete remains.
    """
    plan, left_out = _plan(python)
    folder = cache / _identity(python, plan)
    if not folder.is_dir():
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=cache, prefix=_COPYING))
        _delete_abandoned(cache, temporary.stat().st_mtime - _ABANDONED_SECONDS)
        try:
            tree = temporary / "python"
            _copy(python, plan, tree, programs, stop)
            _verify(python, tree, left_out)
            digest = tree_digest(tree, stop)
            compile_modules(tree / "bin" / "python3", tree)
            (temporary / "digest").write_text(digest)
            temporary.chmod(0o755)
            try:
                temporary.rename(folder)
            except OSError:
                if not folder.is_dir():  # otherwise another build was faster
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return InterpreterTree(folder / "python", (folder / "digest").read_text(), python, left_out)


def _delete_abandoned(cache: Path, before: float) -> None:
    """Delete copies that a killed process has left."""
    for each in cache.glob(f"{_COPYING}*"):
        with contextlib.suppress(FileNotFoundError):
            if each.stat().st_mtime < before:
                shutil.rmtree(each, ignore_errors=True)


def tree_digest(tree: Path, stop: Stop) -> str:
    """A hash of the names, kinds and contents of all files but byte code. Blocks."""
    total = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        stop.check()
        if byte_code.FOLDER in path.parts:
            continue
        name = path.relative_to(tree).as_posix()
        if path.is_symlink():
            entry = ["link", name, str(path.readlink())]
        elif path.is_dir():
            entry = ["folder", name]
        else:
            executable = str(bool(path.stat().st_mode & stat.S_IXUSR))
            entry = ["file", name, executable, hashlib.sha256(path.read_bytes()).hexdigest()]
        total.update(json.dumps(entry).encode())
    return total.hexdigest()


def _plan(python: InstalledPython) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The sources of files, by their names in the tree; and the names of modules left out."""
    library = f"{python.platlibdir}/python{python.short_version}"
    plan: dict[str, Path] = {f"bin/python{python.short_version}": python.executable}
    for source in _standard_library(python.library):
        plan[f"{library}/{source.relative_to(python.library).as_posix()}"] = source
    binaries = {name: path for name, path in plan.items() if _is_extension(name)}
    left_out = []
    libraries: dict[str, Path] = {}
    for name, path in [(f"bin/{python.executable.name}", python.executable), *binaries.items()]:
        found, missing = _libraries(path)
        if missing and name in binaries:
            left_out.append(Path(name).name.partition(".")[0])
            del plan[name]
            continue
        if missing:
            raise failure(f"libraries of {path} are missing: {', '.join(missing)}")
        libraries |= found
    plan |= {f"lib/{name}": path for name, path in libraries.items()}
    return plan, tuple(sorted(left_out))


def _standard_library(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _SKIPPED or path.name.startswith("config-") or path.suffix == ".a":
            continue
        if path.parent.name == "lib-dynload" and _SKIPPED_MODULES.match(path.name):
            continue
        if path.is_dir():
            yield from _standard_library(path)
        elif path.is_file():
            yield path


def _is_extension(name: str) -> bool:
    return "/lib-dynload/" in name and name.endswith(".so")


def _is_library(name: str) -> bool:
    return name.startswith("lib/") and name.count("/") == 1


def _libraries(binary: Path) -> tuple[dict[str, Path], list[str]]:
    """The libraries that a binary needs, libc aside, and the names of those that are missing."""
    try:
        done = subprocess.run(
            ["ldd", str(binary)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env={"LC_ALL": "C", "PATH": os.defpath},
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise failure(f"ldd cannot list the libraries of {binary}: {error}") from error
    found = {name: Path(path) for name, path in _FOUND.findall(done.stdout)}
    mine = {name: path for name, path in found.items() if not OF_LIBC.fullmatch(name)}
    return mine, sorted(set(_MISSING.findall(done.stdout)))


def _identity(python: InstalledPython, plan: Mapping[str, Path]) -> str:
    """Changes if any file of the Python or of its libraries does."""
    total = hashlib.sha256(f"{FORMAT} {python.version} {python.platform}".encode())
    for name, path in sorted(plan.items()):
        status = path.stat()
        total.update(f"{name}\0{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return f"python-{python.version}-{total.hexdigest()[:16]}"


def _copy(
    python: InstalledPython, plan: Mapping[str, Path], tree: Path, programs: Programs, stop: Stop
) -> None:
    for name, source in sorted(plan.items()):
        stop.check()
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        path.chmod(mode_of(name))
    for name in ("python3", "python"):
        (tree / "bin" / name).symlink_to(f"python{python.short_version}")
    library = tree / python.platlibdir / f"python{python.short_version}"
    (library / "site-packages").mkdir(exist_ok=True)
    _undo_debian(library)
    _set_run_paths(plan, tree, programs, stop)


def mode_of(name: str) -> int:
    """The permissions of a file in a tree: nodes make every file of an archive executable."""
    is_binary = name.startswith("bin/") or ".so" in Path(name).name
    return 0o755 if is_binary else 0o644


def _undo_debian(library: Path) -> None:
    """Make packages go to `site-packages`: Debian's Python has them in folders of its own."""
    config = library / "sysconfig.py"
    if not config.is_file():
        config = library / "sysconfig" / "__init__.py"
    text = config.read_text("utf-8")
    if '"deb_system"' not in text.replace("'", '"'):
        return
    # Its module `site`, which is frozen into the program, looks for packages there.
    (library / "dist-packages").symlink_to("site-packages")
    # Before the function that uses it, which is called in the defaults of other functions.
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == "get_preferred_scheme":
            lines.insert(node.lineno - 1, _NOT_DEBIAN)
    config.write_text("".join(lines), "utf-8")


def _set_run_paths(plan: Mapping[str, Path], tree: Path, programs: Programs, stop: Stop) -> None:
    groups: dict[str, list[str]] = {}
    for name in plan:
        if name.startswith("bin/") or _is_extension(name) or _is_library(name):
            relative = os.path.relpath("lib", Path(name).parent)
            run_path = "$ORIGIN" if relative == "." else f"$ORIGIN/{relative}"
            groups.setdefault(run_path, []).append(str(tree / name))
    strip = shutil.which("strip")
    for run_path, files in groups.items():
        stop.check()
        if strip is not None:  # before patchelf, whose changes it would not understand
            run_program([strip, "--strip-unneeded", *files], "strip")
        # An RPATH and not a RUNPATH: nodes often set LD_LIBRARY_PATH, which replaces the latter.
        command = [str(programs.patchelf), "--force-rpath", "--set-rpath", run_path, *files]
        run_program(command, "patchelf")


def compile_modules(python: Path, folder: Path) -> None:
    """Compile the modules in a folder. Blocks.

    Of the standard library, this is the longest part of building a small environment.

    Args:
        python: The interpreter that they are for.
        folder: The folder; its path is not in the byte code.

    Raises:
        BuildError: A file could not be written.
    """
    with tempfile.TemporaryDirectory() as alone:
        # Alone in a folder, because Python imports modules from the folder of a program.
        program = shutil.copy(byte_code.__file__, alone)
        processes = str(len(os.sched_getaffinity(0)))
        command = [str(python), *byte_code.OPTIONS, program, str(folder), ".", processes]
        run_program(command, "the compiler")


def _verify(python: InstalledPython, tree: Path, left_out: Sequence[str]) -> None:
    """Run the copy, and check that it uses nothing of the original."""
    tree = tree.resolve()
    modules = [each for each in _MODULES if f"_{each}" not in left_out]
    found = json_of(
        [str(tree / "bin" / "python3"), "-I", "-B", "-c", _VERIFY, *modules], "the copy"
    )
    packages = tree / python.platlibdir / f"python{python.short_version}" / "site-packages"
    if Path(found["prefix"]) != tree or {found["packages"], found["pure"]} != {str(packages)}:
        raise failure(
            f"{python.executable} cannot be copied: it installs packages in {found['packages']}; "
            "configure `python_list`, or use another Python"
        )
    if packages not in [Path(each).resolve() for each in found["path"]]:
        raise failure(f"{python.executable} cannot be copied: it does not import {packages}")
    foreign = [
        each
        for each in found["mapped"]
        if not Path(each).is_relative_to(tree) and not OF_LIBC.fullmatch(Path(each).name)
    ]
    if foreign:
        raise failure(
            f"{python.executable} cannot be copied: the copy loads {', '.join(foreign[:3])}"
        )
