"""`skein driver`: does nothing; the commands exist for scripts that call them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from skein.cli.parsers import add_command, add_group
from skein.exceptions import DriverNotRunningError

if TYPE_CHECKING:
    import argparse

    from skein.cli.parsers import Subparsers

_NOT_NEEDED = "Skein no longer needs a driver: every command connects to the cluster itself."


def add_parser(subparsers: Subparsers) -> None:
    """Add `driver` and its commands."""
    commands = add_group(subparsers, "driver", "does nothing: skein no longer has a driver")
    for name in ("start", "restart"):
        start = add_command(commands, name, "succeeds without doing anything", _succeed)
        start.add_argument("--keytab", type=Path, help="ignored")
        start.add_argument("--principal", help="ignored")
        start.add_argument("--log", help="ignored")
        start.add_argument("--log-level", help="ignored")
        start.add_argument("--java-option", action="append", help="ignored")
    stop = add_command(commands, "stop", "succeeds without doing anything", lambda _: None)
    stop.add_argument("-f", "--force", action="store_true", help="ignored")
    add_command(commands, "address", "fails: skein has no driver", _fail)
    add_command(commands, "pid", "fails: skein has no driver", _fail)


def _succeed(_: argparse.Namespace) -> None:
    print(_NOT_NEEDED, file=sys.stderr)


def _fail(_: argparse.Namespace) -> None:
    raise DriverNotRunningError(f"No skein driver is running. {_NOT_NEEDED}")
