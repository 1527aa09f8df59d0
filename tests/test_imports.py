"""What holds for the tests themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def imported(source: str) -> set[str]:
    """The modules that a module imports, and what it may import from them."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module or ''}.{alias.name}" for alias in node.names}
    return found


def of_test_modules(names: set[str]) -> set[str]:
    return {name for name in names if any(part.startswith("test_") for part in name.split("."))}


@pytest.mark.parametrize(
    "line",
    [
        "import client.test_logs",
        "from client import test_logs",
        "from client.test_logs import spec",
        "def f():\n    from .test_logs import spec",
    ],
)
def test_an_import_of_a_test_module_is_found(line: str) -> None:
    assert of_test_modules(imported(line))


def test_no_module_imports_from_a_test_module() -> None:
    """With one name come all tests of its module; what is shared has a module of its own."""
    sources = {file: file.read_text() for file in TESTS.rglob("*.py")}
    assert len(sources) > 100
    found = {
        str(file.relative_to(TESTS)): of_test_modules(imported(source))
        for file, source in sources.items()
    }
    assert {file: names for file, names in found.items() if names} == {}
