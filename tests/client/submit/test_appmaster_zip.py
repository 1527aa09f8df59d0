from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import traceback
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import yarnhub
from yarnhub.appmaster.shell.agent_program import token_agent
from yarnhub.client.submit import appmaster_zip
from yarnhub.client.submit.appmaster_zip import build, cached, lean
from yarnhub.control.bootstrap import PROGRAM
from yarnhub.hadoop.wire.tokens import Token, TokenStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

# This one, and what pyenv and uv keep of the versions that a node may have.
INTERPRETERS = [
    sys.executable,
    *(
        str(path)
        for version in ("3.11", "3.12", "3.13")
        for pattern in (
            f".pyenv/versions/{version}.*",
            f".local/share/uv/python/cpython-{version}.*",
        )
        for path in sorted(Path.home().glob(f"{pattern}/bin/python{version}"))[:1]
    ),
]
_ROOT = Path(yarnhub.__file__).parent.parent
SOURCES = sorted(_ROOT.joinpath("yarnhub").rglob("*.py"))


@pytest.fixture(scope="module")
def code() -> bytes:
    return build()


def modules(code: bytes) -> bytes:
    """The zip with the modules."""
    return zipfile.ZipFile(io.BytesIO(code)).read("modules.zip")


def test_it_is_small(code: bytes) -> None:
    assert len(code) <= 114_000, "each submission carries it"


def test_the_same_code_gives_the_same_bytes(code: bytes) -> None:
    assert build() == code


def test_clients_that_submit_at_once_build_it_one_after_the_other(
    code: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds: list[bytes] = []

    def build_once() -> bytes:
        builds.append(code)
        return code

    monkeypatch.setattr(appmaster_zip, "build", build_once)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(cached, [tmp_path] * 8))
    assert found == [code] * 8
    assert builds == [code]


def test_it_holds_what_an_application_master_imports_and_no_more(code: bytes) -> None:
    names = set(zipfile.ZipFile(io.BytesIO(modules(code))).namelist())
    assert {"yarnhub/appmaster/shell/main.py", "h11/__init__.py"} <= names
    outside = ("client/", "cluster/", "skein/", "filesystem/hdfs", "yarn/logs/", "defaults.txt")
    assert not any(name.startswith(tuple(f"yarnhub/{part}" for part in outside)) for name in names)
    assert not any("kerberos" in name or "tests" in name for name in names)
    assert all(name.endswith(".py") for name in names)


def test_all_that_is_in_it_is_imported(code: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(modules(code))) as archive:
        sources = {
            name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): archive.read(name)
            for name in archive.namelist()
            if name.startswith("yarnhub/")
        }
    with zipfile.ZipFile(io.BytesIO(modules(token_agent()))) as archive:
        agent = {name.removesuffix(".py").replace("/", ".") for name in archive.namelist()}
    unseen, found = ["yarnhub.appmaster.shell.main"], set[str]()
    while unseen:
        name = unseen.pop()
        if name in sources and name not in found:
            found.add(name)
            unseen += [name.rpartition(".")[0], *imports(sources[name])]
    assert sources.keys() - found - agent == set()


def test_it_needs_the_standard_library_and_what_is_in_it(code: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(modules(code))) as archive:
        names = [name for name in archive.namelist() if name.startswith("yarnhub/")]
        wanted = {each for name in names for each in imports(archive.read(name))}
    packages = {name.split("/")[1] for name in names}
    assert packages == {
        *("__init__.py", "base", "hadoop", "yarn", "filesystem", "spec", "control", "appmaster")
    }
    tops = {each.partition(".")[0] for each in wanted}
    assert tops - sys.stdlib_module_names == {"h11", "yarnhub"}


def imports(source: bytes) -> Iterator[str]:
    """What a module imports as it runs, in functions too."""
    nodes: list[ast.AST] = [ast.parse(source)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)
        nodes += ast.iter_child_nodes(node)


@pytest.mark.parametrize("interpreter", dict.fromkeys(INTERPRETERS))
def test_it_runs_from_within_a_token_file(code: bytes, interpreter: str, tmp_path: Path) -> None:
    token = Token(b"id", b"secret", "YARN_AM_RM_TOKEN", "")
    path = tmp_path / "container_tokens"
    path.write_bytes(TokenStorage({"": token}, {PROGRAM: code, "z": b"behind it"}).write())
    command = [interpreter, "-IS", str(path)]
    done = subprocess.run(
        command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    # It begins, and misses what only YARN gives.
    assert "HADOOP_TOKEN_FILE_LOCATION is not set" in done.stderr
    assert done.returncode == 1
    assert (tmp_path / ".yarnhub.zip").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("interpreter", dict.fromkeys(INTERPRETERS))
def test_every_module_in_it_can_be_imported(code: bytes, interpreter: str, tmp_path: Path) -> None:
    path = tmp_path / "program.zip"
    path.write_bytes(modules(code))
    names = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in zipfile.ZipFile(path).namelist()
    ]
    script = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "for name in sys.argv[2:]: importlib.import_module(name)\n"
        "assert all('program.zip' in m.__file__ for n, m in sys.modules.items()\n"
        "           if n.partition('.')[0] in ('yarnhub', 'h11'))\n"
    )
    done = subprocess.run(
        [interpreter, "-ISc", script, str(path), *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_nodes_configuration_is_read_from_it(code: bytes, tmp_path: Path) -> None:
    path = tmp_path / "program.zip"
    path.write_bytes(modules(code))
    (tmp_path / "yarn-site.xml").write_text(
        "<configuration>"
        "<property><name>yarn.nodemanager.amrmproxy.enabled</name><value>true</value></property>"
        "</configuration>"
    )
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from yarnhub.appmaster.shell.scheduler import scheduler_addresses\n"
        "env = {'HADOOP_CONF_DIR': sys.argv[2], 'NM_HOST': 'here'}\n"
        "print(*scheduler_addresses(['rm:8030'], env))\n"
    )
    done = subprocess.run(
        [sys.executable, "-ISc", script, path, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("here:8049\n", "")


def test_the_token_agent_can_be_made_of_it(code: bytes, tmp_path: Path) -> None:
    path = tmp_path / "program.zip"
    path.write_bytes(modules(code))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from yarnhub.appmaster.shell.agent_program import token_agent\n"
        "open(sys.argv[2], 'wb').write(token_agent())\n"
    )
    agent = tmp_path / "agent.zip"
    made = subprocess.run(
        [sys.executable, "-ISc", script, path, agent], capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stderr) == (0, "")
    within = tmp_path / "within.zip"
    within.write_bytes(modules(agent.read_bytes()))
    names = [name for name in zipfile.ZipFile(within).namelist() if "__init__" not in name]
    script = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "for name in sys.argv[2:]: importlib.import_module(name[:-3].replace('/', '.'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-ISc", script, within, *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


OF_CLIENTS = {
    ("yarnhub/filesystem/webhdfs.py", "yarnhub/filesystem/acl"),
    (
        "yarnhub/hadoop/ipc/login.py",
        "yarnhub/hadoop/security/authentication",
    ),  # logins with Kerberos
    ("yarnhub/yarn/resource_manager.py", "yarnhub/yarn/queues/tree"),
}
"""What modules import for callers that an ApplicationMaster is not."""


def test_it_has_all_that_it_ever_imports(code: bytes, tmp_path: Path) -> None:
    """Also what is imported by some calls only, which fail on a cluster and nowhere else."""
    path = tmp_path / "modules.zip"
    path.write_bytes(modules(code))
    with zipfile.ZipFile(path) as archive:
        sources = {name: archive.read(name).decode() for name in archive.namelist()}
    known = {name.removesuffix(".py").removesuffix("/__init__") for name in sources}
    missing = {
        (name, wanted)
        for name, source in sources.items()
        for wanted in imported(ast.parse(source))
        if wanted.partition("/")[0] in {"yarnhub", "h11"} and wanted not in known
    }
    assert missing == OF_CLIENTS


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that a module imports anywhere, but for types alone."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.ImportFrom(module=str(module), level=0):
                yield module.replace(".", "/")
            case ast.Import(names=names):
                yield from (each.name.replace(".", "/") for each in names)
            case _:
                yield from imported(node)


# --- the cache


def test_it_is_built_once(tmp_path: Path, code: bytes) -> None:
    assert cached(tmp_path / "new") == code
    (kept,) = (tmp_path / "new").iterdir()
    kept.write_bytes(b"kept")
    assert cached(tmp_path / "new") == b"kept"


def test_what_others_could_have_written_is_not_used(tmp_path: Path, code: bytes) -> None:
    cached(tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"changed")
    kept.chmod(0o666)
    assert cached(tmp_path) == code
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (code, 0o600)


def test_changed_code_is_built_anew(
    tmp_path: Path, code: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"old")
    source = tmp_path / "one.py"
    source.write_text("x = 1\n")
    monkeypatch.setattr(appmaster_zip, "_parts", lambda: iter([("one.py", source)]))
    first = cached(tmp_path / "a")
    source.write_text("x = 2\n")
    os.utime(source, ns=(1, 1))
    assert cached(tmp_path / "a") != first


# --- what is left of a source


def stripped(tree: ast.AST) -> str:
    """A tree without its docstrings and the like, as text that shows lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            kept = [
                statement
                for statement in node.body
                if not (
                    isinstance(statement, ast.Expr)
                    and isinstance(statement.value, ast.Constant)
                    and (statement.value.value is ... or isinstance(statement.value.value, str))
                )
            ]
            node.body = kept
    for node in ast.walk(tree):
        for name in ("col_offset", "end_col_offset", "end_lineno"):
            if hasattr(node, name):
                delattr(node, name)
    return ast.dump(tree, include_attributes=True)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(_ROOT).as_posix())
def test_all_that_is_left_stays_in_its_place(path: Path) -> None:
    source = path.read_text("utf-8")
    made = lean(source)
    assert stripped(ast.parse(made)) == stripped(ast.parse(source))
    assert made.count("\n") == source.count("\n")
    assert len(made) < len(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1  # why\n", "x = 1\n"),
        ("# only\nx = '# no comment'\n", "\nx = '# no comment'\n"),
        ('"""Doc."""\nx = 1\n', "\nx = 1\n"),
        ('"""Doc.\n\nMore."""\n', "...\n\n\n"),
        ('def f():\n    """Doc."""\n    return 1\n', "def f():\n\n return 1\n"),
        ('def f():\n    """Doc.\n    """\n', "def f():\n ...\n\n"),
        ('class A:\n    x = 1\n    """Of x."""\n', "class A:\n x = 1\n\n"),
        ('def f(): "doc"; return 1\n', 'def f(): "doc"; return 1\n'),
        ('class A: "doc"\n', 'class A: "doc"\n'),
        ('def f():\n    "doc"; x = 1\n', 'def f():\n "doc"; x = 1\n'),
        ('def f():\n    return """a\n    b"""\n', 'def f():\n return """a\n    b"""\n'),
        ('def f():\n    return f"""a{1}\n    b"""\n', 'def f():\n return f"""a{1}\n    b"""\n'),
        ('x = """a # b\n c"""\n', 'x = """a # b\n c"""\n'),
        ("x = '\x0c'\ny = 2  # c\n", "x = '\x0c'\ny = 2\n"),
        ("x = '\u2028'  # c\n", "x = '\u2028'\n"),
        (
            "if TYPE_CHECKING:\n    import a\n\n    B = a.B\nx = 1\n",
            "if TYPE_CHECKING:\n ...\n\n\nx = 1\n",
        ),
        (
            "def f(é: int, *b: X, c: A[B] = {}) -> None:\n    x: int\n",
            "def f(é, *b, c = {}):\n x: int\n",
        ),
        ("def f(\n    a: A,\n) -> A[\n    B\n]: ...\n", "def f(\n a,\n) -> A[\n B\n]: ...\n"),
        ("class A:\n    x: int = 1\n", "class A:\n x: int = 1\n"),
        ("", ""),
    ],
)
def test_lean(source: str, expected: str) -> None:
    assert lean(source) == expected


def test_a_traceback_fits_the_source() -> None:
    source = '"""Doc."""\n\n# a comment\n\n\ndef f():\n    """Doc."""\n    return 1 / 0\n\n\nf()\n'
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(lean(source), "x", "exec"), {})
    assert [frame.lineno for frame in traceback.extract_tb(caught.tb)][1:] == [11, 8]
