"""Common parts of the commands' parsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    # argparse has no public name for the return type of add_subparsers.
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001
    Handler = Callable[[argparse.Namespace], None]


def add_group(subparsers: Subparsers, name: str, summary: str) -> Subparsers:
    """Add a command with subcommands."""
    group = subparsers.add_parser(name, help=summary, description=_sentence(summary))
    return group.add_subparsers(dest=f"{name}_command", metavar="COMMAND", required=True)


def add_command(
    commands: Subparsers, name: str, summary: str, handler: Handler
) -> argparse.ArgumentParser:
    """Add a command; `handler` runs it."""
    parser = commands.add_parser(name, help=summary, description=_sentence(summary))
    parser.set_defaults(handler=handler)
    return parser


def add_application(parser: argparse.ArgumentParser, *, current: bool = True) -> None:
    """Add the argument for an application."""
    also = "; in a container, `current` for its own application" if current else ""
    parser.add_argument("id", metavar="APP_ID", help=f"the application's id{also}")


def add_output(parser: argparse.ArgumentParser, default: str = "table") -> None:
    """Add the option for text or JSON."""
    parser.add_argument(
        "--output", choices=(default, "json"), default=default, help=f"default: {default}"
    )


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."
