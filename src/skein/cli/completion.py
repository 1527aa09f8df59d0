"""`skein completion`: what a shell needs to complete the command's words.

By argcomplete, which hdfs-native brings along anyway: it serves all three shells, and asks the
command itself for its words, so that what is printed here never goes out of date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skein.cli.parsers import add_command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from skein.cli.parsers import Subparsers

_ASKING = "_ARGCOMPLETE"
"""The variable with which a shell asks the command for its words."""


def add_parser(subparsers: Subparsers) -> None:
    """Add `completion`."""
    completion = add_command(subparsers, "completion", "print a shell completion script", _print)
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def _print(arguments: argparse.Namespace) -> None:
    from argcomplete.shell_integration import shellcode

    print(shellcode(["skein"], shell=arguments.shell), end="")


def answer(environment: Mapping[str, str]) -> None:
    """Answer the shell, and end the process, if it is a shell that calls."""
    if _ASKING in environment:
        import argcomplete

        from skein.cli import COMMANDS, parser

        argcomplete.autocomplete(parser(COMMANDS), always_complete_options=False)
