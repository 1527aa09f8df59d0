"""`yarnhub env`: Python environments that carry their own interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.cli.env import build, builds, changing, publishing, reading

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `env`."""
    parser = subparsers.add_parser(
        "env",
        help="build, publish and share Python environments",
        description="Python environments as archives that carry their own interpreter, and run in "
        "any folder of any node.",
    )
    commands = parser.add_subparsers(dest="action", metavar="COMMAND", required=True)
    build.add_parser(commands)
    builds.add_parsers(commands)
    publishing.add_parser(commands)
    reading.add_parsers(commands)
    changing.add_parsers(commands)
