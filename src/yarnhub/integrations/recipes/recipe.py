"""The common part of the programs: arguments, folders, the key, errors on one line."""

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
class Publisher:
    """Publishes a program's address under a key of its application.

    Attributes:
        host: The host name of the node.
        container: The container of the program.
        key: The key.
    """

    host: str
    container: CurrentContainer
    key: str

    def publish(self, document: bytes) -> None:
        """Set the key. Blocks; may be called in a thread with a running event loop.

        Raises:
            YarnhubError: Cannot connect to the application.
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
        description: The description in `--help`.
        epilog: The end of `--help`, about the other arguments.
        option: The option for the key.
        option_help: Its help.
        key: The default key.
        serve: Runs until the server stops and returns the exit code; gets the other arguments.
    """

    description: str
    epilog: str
    option: str
    option_help: str
    key: str
    serve: Callable[[list[str], Publisher], int]

    def run(self, command: str, argv: Sequence[str] | None) -> int:
        """Run the program; returns the exit code.

        Args:
            command: The name in `--help`.
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
            return self.serve(rest, Publisher(host, container, arguments.key))
        except (YarnhubError, ValueError, OSError) as error:
            print(f"Error: {clean_and_cut(str(error))}", file=sys.stderr)  # noqa: T201  # this is a program
            return 1


def prepare_folders(variables: MutableMapping[str, str], folder: Path) -> None:
    """Set the folders of Jupyter and IPython to the container's folder.

    A container's HOME may not exist and is often not writable. Variables that are set are kept.
    """
    root = folder / ".jupyter"
    root.mkdir(mode=0o700, exist_ok=True)
    for name, subfolder in (
        ("JUPYTER_CONFIG_DIR", "config"),
        ("JUPYTER_DATA_DIR", "share"),
        ("JUPYTER_RUNTIME_DIR", "runtime"),
        ("IPYTHONDIR", "ipython"),
    ):
        variables.setdefault(name, str(root / subfolder))
