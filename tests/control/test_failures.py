"""What is documented of refusals is what applications answer."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, get_args

from docs.blocks import PROJECT
from yarnhub.base.errors import ControlError
from yarnhub.control.messages import FailureCode

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSE = {"ControlError", "Failure", "RefusedError"}


def codes() -> Iterator[str]:
    """The code of each refusal in the sources."""
    for folder in ("appmaster", "unmanaged", "client"):
        for file in (PROJECT / "src" / "yarnhub" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    first = node.args[0] if node.args else None
                    if node.func.id in REFUSE and isinstance(first, ast.Constant):
                        yield str(first.value)


def test_each_code_that_is_documented_is_answered_somewhere_and_no_other() -> None:
    documented = set(get_args(FailureCode))
    assert set(codes()) == documented
    attributes = (ControlError.__doc__ or "").partition("code:")[2]
    assert set(re.findall(r"`([\w-]+)`", attributes)) == documented
