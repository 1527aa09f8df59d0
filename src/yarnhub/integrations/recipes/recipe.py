"""What the programs have in common: arguments, folders, a key, and errors on one line."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.application.container import CurrentContainer

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence


@dataclass(frozen=True, slots=True)
class Publication:
    """Where a program publishes how clients reach it.

    Attributes:
        host: The name of the program's node.
        container: The container that it runs in.
        key: The key of the container's application.
    """

    host: str
    container: CurrentContainer
    key: str

    def publish(self, document: bytes) -> None:
        """Set the key; blocks, also in a thread whose event loop is another's.

        Raises:
            YarnhubError: The application cannot be reached.
        """
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, self._put(document)).result()

    async def _put(self, document: bytes) -> None:
        async with self.container.application() as application:
            await application.keys.put(self.key, document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A program.

    Attributes:
        description: What it does, for `--help`.
        epilog: Whose the other arguments are.
        option: The option that names the key.
        option_help: What is put there.
        key: The key by default.
        serve: Serves until the end; returns the exit code. Gets the other arguments.
    """

    description: str
    epilog: str
    option: str
    option_help: str
    key: str
    serve: Callable[[list[str], Publication], int]

    def run(self, command: str, argv: Sequence[str] | None) -> int:
        """Run the program; returns the exit code.

        Args:
            command: How it is called, for `--help`.
            argv: The arguments; None takes the process's.
        """
        parser = argparse.ArgumentParser(
            prog=command, description=self.description, epilog=self.epilog, allow_abbrev=False
        )
        parser.add_argument(
            self.option,
            dest="key",
            default=self.key,
            metavar="KEY",
            help=f"{self.option_help}; default: %(default)s",
        )
        arguments, rest = parser.parse_known_args(argv)
        variables = os.environ  # noqa: TID251  # this is an entry point
        try:
            container = CurrentContainer.from_environment(variables)
            if container is None:
                raise ConfigurationError("Not running inside a container")
            prepare_folders(variables, Path.cwd())
            host = variables.get("NM_HOST") or socket.gethostname()
            return self.serve(rest, Publication(host, container, arguments.key))
        except (YarnhubError, ValueError, OSError) as error:
            print(f"Error: {clean_and_cut(str(error))}", file=sys.stderr)  # noqa: T201  # this is a program
            return 1


def prepare_folders(variables: MutableMapping[str, str], folder: Path) -> None:
    """Have Jupyter and IPython keep their files in the container's folder.

    A container's HOME need not exist, and is seldom writable. What is set stays.
    """
    root = folder / ".jupyter"
    root.mkdir(mode=0o700, exist_ok=True)
    for name, place in (
        ("JUPYTER_CONFIG_DIR", "config"),
        ("JUPYTER_DATA_DIR", "share"),
        ("JUPYTER_RUNTIME_DIR", "runtime"),
        ("IPYTHONDIR", "ipython"),
    ):
        variables.setdefault(name, str(root / place))
