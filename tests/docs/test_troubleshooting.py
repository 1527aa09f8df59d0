"""The messages on the page of troubleshooting are those that the code has."""

from __future__ import annotations

import ast
import re

import pytest

from docs.blocks import PROJECT

PAGE = (PROJECT / "docs" / "howto" / "troubleshooting.md").read_text("utf-8")
OURS = PAGE.partition("## Messages of Hadoop")[0]
MESSAGES = re.findall(r"^\| `([^`]+)` \|", OURS, re.MULTILINE)
OF_BASH = ("environment/bin/activate: No such file or directory",)


def texts() -> str:
    """All texts of the code, one a line; what is filled into them is left out."""
    found = []
    for file in (PROJECT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (each.value for each in node.values if isinstance(each, ast.Constant))
                found.append("...".join(map(str, parts)))
    return "\n".join(found).replace("`", "")


TEXTS = texts()


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_in_the_code(message: str) -> None:
    if message in OF_BASH:
        return
    parts = [part.strip() for part in message.split("...") if part.strip()]
    assert [part for part in parts if part not in TEXTS] == []


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 40
