"""Somebody at a terminal who types a page, and compares what comes with what the page shows."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from docs.blocks import blocks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from docs.blocks import Block

DEADLINE = 120.0
"""Seconds for one command."""
_LOOKS = 30.0
"""Seconds in which a command that only looks may come to show what the page shows."""
_LOOKING = re.compile(r"skein (?:\w+ ls|application (?:status|explain)|kv get)\b")
_VARYING = re.compile(
    r"(?P<id>application_\d+_\d+)|(?P<container>container_\w+)|(?P<time>\b\d+(?:\.\d+)?[smh]\b)"
    r"|(?P<port>(?<=localhost:)\d+|(?<=\"port\": )\d+)"
    r"|(?P<rest>\.\.\.)|(?P<blank>[ \t]+)"
)
_FORMS = {
    "container": r"container_\w+",
    "time": r"\d+(?:\.\d+)?[smh]",
    "port": r"\d+",
    "rest": r".*?",
    "blank": r"[ \t]+",
}


@dataclass(frozen=True)
class Command:
    """What is typed, and what the page shows of its output; None for nothing."""

    text: str
    shown: str | None


def commands(block: Block) -> list[Command]:
    """The commands of a block: lines after `$ `, or `> ` where they go on."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
            continue
        assert found, f"{block}: begins with what no command printed"
        typed, shown = found[-1]
        if line.startswith("> ") and not shown:
            typed.append(line[2:])
        else:
            shown.append(line)
    return [
        Command("\n".join(typed), "\n".join(shown) if shown else None) for typed, shown in found
    ]


@dataclass
class Session:
    """One shell, in which a page is run from its beginning to its end.

    Attributes:
        folder: Where files are written.
        env: The shell's environment.
        ids: What stands for the applications that the page names.
    """

    folder: Path
    env: Mapping[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    def run(self, page: Path) -> None:
        """Run all of a page that nobody else runs."""
        said = self.folder / ".said"
        shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=self.folder,
            env=dict(self.env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            for block in blocks(page):
                if block.file:
                    (self.folder / block.file).write_text(block.text)
                elif block.runs and block.language == "python":
                    self._run_program(block)
                elif block.runs and block.language == "console":
                    for command in commands(block):
                        self._check(shell, command, block, said)
        finally:
            shell.kill()
            shell.communicate()

    def _run_program(self, block: Block) -> None:
        done = subprocess.run(
            [sys.executable, "-c", block.text],
            cwd=self.folder,
            env=dict(self.env),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"

    def _check(
        self, shell: subprocess.Popen[str], command: Command, block: Block, said: Path
    ) -> None:
        until = time.monotonic() + _LOOKS
        fails = command.shown is not None and command.shown.startswith("Error: ")
        while True:
            code, output = self._type(shell, self._with_ids(command.text), said)
            error = said.read_text()
            found = error if fails else output
            if bool(code) is fails and (command.shown is None or self._shows(command.shown, found)):
                return
            again = _LOOKING.match(command.text) and time.monotonic() < until
            assert again, (
                f"{block}: $ {command.text}\n(exit code {code})\n{output}{error}\n"
                f"where the page shows:\n{command.shown}"
            )

    def _type(self, shell: subprocess.Popen[str], text: str, said: Path) -> tuple[int, str]:
        end = "what the command printed ends here"
        assert shell.stdin
        assert shell.stdout
        shell.stdin.write(f"{{ {text}\n}} </dev/null 2>'{said}'; printf '\\n%d %s\\n' $? '{end}'\n")
        shell.stdin.flush()
        lines: list[str] = []
        for line in shell.stdout:
            if line.endswith(f" {end}\n"):
                return int(line.split()[0]), "".join(lines).removesuffix("\n")
            lines.append(line)
        raise AssertionError(f"the shell ended at: {text}\n{''.join(lines)}{said.read_text()}")

    def _with_ids(self, text: str) -> str:
        for shown, real in self.ids.items():
            text = text.replace(shown, real)
        return text

    def _shows(self, shown: str, output: str) -> bool:
        """Whether the output is what the page shows, but for what is different each time."""
        parts, names = [], []
        at = 0
        for match in _VARYING.finditer(shown):
            parts.append(re.escape(shown[at : match.start()]))
            at = match.end()
            if match.lastgroup == "id" and match[0] in self.ids:
                parts.append(re.escape(self.ids[match[0]]))
            elif match.lastgroup == "id":
                parts.append(r"(application_\d+_\d+)")
                names.append(match[0])
            else:
                parts.append(_FORMS[str(match.lastgroup)])
        parts.append(re.escape(shown[at:]))
        found = re.fullmatch("".join(parts) + r"\s*", output, re.DOTALL)
        if found:
            self.ids |= dict(zip(names, found.groups(), strict=True))
        return found is not None
