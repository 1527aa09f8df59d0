"""What the commands of services have in common: their configuration, and their log."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnhub.cli.managed import add_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Coroutine, Mapping

    Run = Callable[[Any, Mapping[str, str]], Coroutine[None, None, None]]


def add_options(parser: argparse.ArgumentParser, settings: str) -> None:
    """Add the options of a service.

    Args:
        parser: The command's.
        settings: The name of the class with its settings.
    """
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the settings: a file with c.{settings}.NAME = VALUE, or a .toml file",
    )
    add_option(parser)
    parser.add_argument("--debug", action="store_true", help="log more")


def serve(arguments: argparse.Namespace, settings: type[Any], run: Run) -> int:
    """Run a service until it is stopped; returns the exit code.

    Args:
        arguments: Those of `add_options`, after `managed.prepare`.
        settings: The class with its settings: a `traitlets.config.Configurable`.
        run: Serves, with a configuration and the variables of the process.

    Raises:
        ConfigurationError: The configuration is invalid.
    """
    from yarnhub.server.configuration import read_config

    logging.basicConfig(
        level=logging.DEBUG if arguments.debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for name in ("alembic", "httpx"):  # a line for each start or request otherwise
        logging.getLogger(name).setLevel(logging.WARNING)
    asyncio.run(run(read_config(arguments.config, settings), os.environ))
    return 0
