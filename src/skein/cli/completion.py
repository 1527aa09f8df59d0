"""`skein completion`: scripts for shell completion.

Uses argcomplete, which hdfs-native depends on anyway. It supports all three shells, and the scripts
never get out of date, as they call the command for its completions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skein.cli.parsers import add_command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from skein.cli.parsers import Subparsers

_COMPLETION_VARIABLE = "_ARGCOMPLETE"
"""The variable that a shell sets when it calls the command for completions."""


def add_parser(subparsers: Subparsers) -> None:
    """Add `completion`."""
    completion = add_command(subparsers, "completion", "print a shell completion script", _print)
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def _print(arguments: argparse.Namespace) -> None:
    from argcomplete.shell_integration import shellcode

    print(shellcode(["skein"], shell=arguments.shell), end="")


def complete(environment: Mapping[str, str]) -> None:
    """Print completions and exit, if the shell has called for them."""
    if _COMPLETION_VARIABLE in environment:
        import argcomplete

        from skein.cli import COMMANDS, parser

        argcomplete.autocomplete(parser(COMMANDS), always_complete_options=False)
