"""The program `skein`: finds the command and turns errors into one line."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from skein import __version__
from skein.cli import completion
from skein.cli.error_text import error_text
from skein.exceptions import SkeinError, context
from yarnhub.base.errors import YarnhubError
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

COMMANDS = (
    "application",
    "completion",
    "config",
    "container",
    "driver",
    "kv",
    "node",
    "queue",
    "token",
)
"""The modules of the commands; each is imported for its command only, for a fast start."""

INTERRUPTED = 130
"""The exit code that shells report after Ctrl-C."""
BROKEN_PIPE = 141
"""The exit code that shells report for a program that writes to a closed pipe."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run one command, and exit."""
    completion.complete(os.environ)  # noqa: TID251  # the shell's variables, not skein's configuration
    with context.set_cli():
        code = _run(list(sys.argv[1:] if args is None else args))
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        try:
            handler, parsed = _parse(arguments)
            handler(parsed)
        finally:
            sys.stdout.flush()
    except (YarnhubError, SkeinError) as error:
        print(f"Error: {clean_and_cut(error_text(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes standard output again at exit, which would print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return 0


def _parse(
    arguments: list[str],
) -> tuple[Callable[[argparse.Namespace], None], argparse.Namespace]:
    named = [name for name in COMMANDS if name in arguments[:1]]
    parsed = parser(named or COMMANDS).parse_args(arguments)
    return parsed.handler, parsed


def parser(commands: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser for some of the commands; the modules of the others are not imported."""
    root = argparse.ArgumentParser(prog="skein", description="Applications on Hadoop YARN.")
    root.add_argument("--version", action="version", version=f"skein {__version__}")
    subparsers = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in commands:
        importlib.import_module(f"skein.cli.{name}").add_parser(subparsers)
    return root
