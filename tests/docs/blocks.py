"""The examples of the pages: what they are, and which of them somebody runs.

Every fenced block of a language in `RUN` is an example, and is run with its page, unless an HTML
comment in the line above it says who runs it, or why nobody does:

    <!-- run by tests/skein/test_kv.py::test_the_examples -->
    <!-- not run: needs conda -->

A block that begins with the name of a file in a comment, such as `# hello.yaml`, is that file.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *PROJECT.glob("*.md"),
        *(PROJECT / "docs").glob("*.md"),
        *(PROJECT / "docs").glob("[a-z]*/*.md"),
    ]
)
RUN = ("console", "python", "yaml")
"""Languages of examples."""
SHOWN = ("text", "", "ini", "json", "xml")
"""Languages of what is only shown: drawings, output, messages, files of others."""

_FENCE = re.compile(
    r"(?:^<!-- (?P<remark>(?:(?! -->).)*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_FILE = re.compile(r"# ([\w.-]+\.(?:py|yaml|yml))\n")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        remark: The comment in the line above it.
    """

    page: Path
    line: int
    language: str
    text: str
    remark: str

    def __str__(self) -> str:
        page = self.page.relative_to(PROJECT) if self.page.is_relative_to(PROJECT) else self.page
        return f"{page}:{self.line}"

    @property
    def file(self) -> str:
        """The file that it is; empty for one that is none."""
        match = _FILE.match(self.text)
        return match[1] if match and self.language != "console" else ""

    @property
    def runs(self) -> bool:
        """Whether it is run with its page."""
        return self.language in RUN and not self.remark

    @property
    def is_other(self) -> bool:
        """Whether it belongs to Sphinx, such as a list of pages."""
        return self.language == "{"


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in order."""
    text = page.read_text("utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, match.start()) + 1,
            match["language"],
            match["text"],
            match["remark"] or "",
        )
        for match in _FENCE.finditer(text)
    ]


def example_of(page: Path, line: str, changes: Mapping[str, str]) -> str:
    """The page's block in which a line begins so, with changes."""
    (text,) = [each.text for each in blocks(page) if f"\n{line}" in f"\n{each.text}"]
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def has_function(file: str, name: str) -> bool:
    """Whether a file of the project has a function of this name, such as a test."""
    path = PROJECT / file
    body = ast.parse(path.read_text("utf-8")).body if path.is_file() else []
    return name in [getattr(each, "name", "") for each in body]
