"""The program `yarnhub`: finds the command and turns errors into one line."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING

from yarnhub import __version__
from yarnhub.base.errors import YarnhubError
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

COMMANDS = {
    "cluster": "yarnhub.cli.cluster",
    "dask-gateway": "yarnhub.cli.dask_gateway",
    "doctor": "yarnhub.cli.doctor",
    "env": "yarnhub.cli.env",
    "gateway": "yarnhub.cli.gateway",
    "init": "yarnhub.cli.init",
    "kernelspec": "yarnhub.cli.kernelspec",
    "platform": "yarnhub.cli.platform",
    "serve": "yarnhub.cli.serve",
    "spark": "yarnhub.cli.spark",
}
"""The module of each command, which is imported for that command only, for a fast start."""

INTERRUPTED, BROKEN_PIPE = 130, 141
"""The exit codes that shells report after Ctrl-C, and for a closed pipe."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    named = [name for name in COMMANDS if name in arguments[:1]]
    parsed = parser(named or COMMANDS).parse_args(arguments)
    handler: Callable[[argparse.Namespace], int] = parsed.handler
    try:
        try:
            return handler(parsed)
        finally:
            sys.stdout.flush()
    except YarnhubError as exc:
        print(f"Error: {clean_and_cut(str(exc))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes standard output again at exit, which would print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def parser(commands: Iterable[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The parser for some of the commands; the modules of the others are not imported."""
    root = argparse.ArgumentParser(
        prog="yarnhub", description="Interactive data science on Hadoop YARN."
    )
    root.add_argument("--version", action="version", version=f"yarnhub {__version__}")
    subparsers = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in commands:
        importlib.import_module(COMMANDS[name]).add_parser(subparsers)
    return root


if __name__ == "__main__":
    sys.exit(main())
