"""The program `yarnhub`: finds the command and turns errors into one line."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING

from yarnhub import __version__
from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS = {"cluster": "yarnhub.cli.cluster"}
"""Each command's module, which is imported for that command only: the start stays fast."""

INTERRUPTED = 130
"""What shells report for a program that Ctrl-C ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="yarnhub", description="Interactive data science on Hadoop YARN."
    )
    parser.add_argument("--version", action="version", version=f"yarnhub {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = [name for name in COMMANDS if name in arguments[:1]]
    for name in named or COMMANDS:
        importlib.import_module(COMMANDS[name]).add_parser(subparsers)
    parsed = parser.parse_args(arguments)
    handler: Callable[[argparse.Namespace], int] = parsed.handler
    try:
        return handler(parsed)
    except YarnhubError as exc:
        print(f"Error: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
