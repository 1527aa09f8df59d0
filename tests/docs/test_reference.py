"""The reference has all that the code has: names, errors, variables, keys of Hadoop."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import pkgutil
import re
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import skein
from docs.blocks import PROJECT
from skein import exceptions, kv, model, ui
from yarnhub.base import errors
from yarnhub.integrations.jupyterhub.spawner import YarnSpawner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFERENCE = PROJECT / "docs" / "reference"
SOURCES = [
    file
    for file in sorted((PROJECT / "src").rglob("*.py"))
    if "cluster" not in file.parts  # it writes a configuration, and reads none
    and file.name not in ("conf.py", "cluster.py")  # that one has the deprecated names
]
KEY = re.compile(r"(?:yarn|dfs|fs|ipc|hadoop\.(?:rpc|security|http))\.[\w.-]+|yarnhub\.python")
DIRECTIVE = re.compile(
    r"^(?:\.\. |   :)(currentmodule|auto\w+|exclude-members)::? (.+)$", re.MULTILINE
)
OF_YARN = {"CONTAINER_ID", "LOCAL_DIRS", "LOG_DIRS", "NM_HOST", "NM_HTTP_PORT", "USER"}
READS = (
    re.compile(r'\b(?:environ|environment|variables|env)(?:\(\))?(?:\.get\(|\[)"([A-Z_]{3,})"'),
    re.compile(r'self\._variable\("([A-Z_]{3,})"\)'),
    re.compile(r'^[A-Z_]+ = "(SKEIN_[A-Z_]+|HADOOP_[A-Z_]+)"', re.MULTILINE),
)


def page(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def rows() -> Iterator[list[str]]:
    """What stands in backticks in the first cell of each row of the configuration's page."""
    for cell in re.findall(r"^\| (`.*?) \|", page("configuration.md"), re.MULTILINE):
        yield re.findall(r"`([^`]+)`", cell)


def public_names() -> set[str]:
    names = {*skein.__all__, *kv.__all__, *ui.__all__, *model.__all__}
    modules = {name for name in names if isinstance(getattr(skein, name, None), ModuleType)}
    return names - modules - {"__version__"}


@pytest.mark.parametrize("name", sorted(public_names()))
def test_every_public_name_has_its_place(name: str) -> None:
    described = re.findall(r"^\.\. auto\w+:: (?:[\w.]+\.)?(\w+)$", page("python.md"), re.MULTILINE)
    in_words = re.findall(r"`(\w+)`", page("python.md"))
    assert name in (*described, *in_words, *vars(exceptions))


@pytest.mark.parametrize("file", sorted(REFERENCE.glob("*.md")), ids=lambda file: file.name)
def test_every_described_name_exists(file: Path) -> None:
    module, target = "", object()
    for directive, name in DIRECTIVE.findall(file.read_text("utf-8")):
        if directive == "currentmodule":
            module = name
        elif directive == "exclude-members":
            in_module = isinstance(target, ModuleType)  # fields of a class are no attributes of it
            assert not in_module or all(hasattr(target, each) for each in name.split(", "))
        else:
            target = pkgutil.resolve_name(name if "." in name else f"{module}.{name}")


@pytest.mark.parametrize("module", [errors, exceptions], ids=lambda module: module.__name__)
def test_every_error_is_in_the_drawn_tree(module: ModuleType) -> None:
    defined = {
        name
        for name, each in vars(module).items()
        if isinstance(each, type)
        and issubclass(each, Exception)
        and each.__module__ == module.__name__
    }
    assert defined
    assert defined - set(re.findall(r"\w+", module.__doc__ or "")) == set()


@pytest.mark.parametrize("module", [errors, exceptions], ids=lambda module: module.__name__)
def test_every_error_is_raised_somewhere(module: ModuleType) -> None:
    defined = set(re.findall(r"^class (\w+Error)\(", inspect.getsource(module), re.MULTILINE))
    assert defined
    assert defined - set(raised()) == set()


def raised() -> Iterator[str]:
    """The names of what modules raise, hand on to be raised, or raise by a table."""
    for file in (PROJECT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            found: list[ast.expr | None] = []
            match node:
                case ast.Call(func=function, args=arguments):
                    found = [function, *arguments]
                case ast.Return(value=value) | ast.Raise(exc=value):
                    found = [value]
                case ast.Dict(values=values):
                    found = [*values]
                case ast.Assign(value=value):
                    found = [value]
                case _:
                    continue
            for each in found:
                if isinstance(each, ast.Name):
                    yield each.id
                elif isinstance(each, ast.Attribute):
                    yield each.attr


def test_every_variable_that_is_read_has_its_row() -> None:
    source = "\n".join(file.read_text("utf-8") for file in SOURCES)
    read = {name for pattern in READS for name in pattern.findall(source)}
    assert read >= {"HADOOP_CONF_DIR", "SKEIN_CONTAINER_ID"}
    assert read - {name for row in rows() for name in row} - OF_YARN == set()


def test_every_key_that_is_read_has_its_row() -> None:
    found = {text for file in SOURCES for text in texts(file) if KEY.fullmatch(text)}
    read = {text for text in found if not is_module(text)}
    assert len(read) > 20
    written = set()
    for first, *others in rows():
        parent = first.rpartition(".")[0]
        written |= {first, *others, *(parent + each for each in others if each[0] == ".")}
    # A key of which a part is filled in is known by what comes before.
    assert {
        key
        for key in read - written
        if not (key.endswith(".") and any(each.startswith(key) for each in written))
    } == set()


def is_module(text: str) -> bool:
    """Whether it is the name of one of our own modules, without `yarnhub.`."""
    path = PROJECT / "src" / "yarnhub" / text.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def texts(file: Path) -> Iterator[str]:
    """The texts of a module, docstrings aside; of a formatted one, each of its parts."""
    tree = ast.parse(file.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_every_setting_of_the_spawner_is_described() -> None:
    assert "```{spawner-traits}" in page("yarnspawner.md")
    described = load_extension("spawner_traits_directive").own_traits()
    own = [each for each in YarnSpawner.__mro__ if each.__module__.startswith("yarnhub.")]
    names = {name for each in own for name in each.class_own_traits(config=True)}
    assert {"queue", "profile_list", "principal"} <= names <= set(described)
    assert [name for name, trait in described.items() if not trait.help] == []


def load_extension(name: str) -> Any:  # Any: a module of docs/, which is no package
    spec = importlib.util.spec_from_file_location(name, PROJECT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
