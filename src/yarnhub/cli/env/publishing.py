"""`yarnhub env import`, and publishing what `yarnhub env build` has built."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.cli.cancellation import run_until_signal
from yarnhub.cli.env import descriptions
from yarnhub.cli.env.opened import add_root, opened_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from yarnhub.environments.local_build.environment import BuiltEnvironment, Exists
    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.environments.specification import EnvironmentSpec

_STEPS = 4
"""Lines of progress for an upload."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `import`."""
    parser = commands.add_parser(
        "import",
        help="publish an archive of conda-pack or venv-pack",
        description="Publishes an archive that another tool has packed: a .tar.gz file with the "
        "folder bin at its top level. The archive is not changed.",
    )
    parser.add_argument("archive", type=Path, metavar="ARCHIVE", help="a .tar.gz file")
    parser.add_argument("--name", required=True, help="the name of the environment")
    add_root(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object instead")
    parser.set_defaults(handler=_import)


def _import(arguments: argparse.Namespace) -> int:
    environment = run_until_signal(_import_one(arguments))
    print_published(environment, as_json=arguments.json)
    return 0


async def _import_one(arguments: argparse.Namespace) -> PublishedEnvironment:
    async with opened_store(arguments.root) as store:
        size = await asyncio.to_thread(_size, arguments.archive)
        return await store.import_archive(arguments.name, arguments.archive, Sent(size))


def _size(path: Path) -> int:
    """The bytes of a file; 0 if it does not exist, which the store reports."""
    return path.stat().st_size if path.is_file() else 0


async def publish(
    specification: EnvironmentSpec,
    root: str,
    build: Callable[[Exists], Awaitable[BuiltEnvironment]],
) -> PublishedEnvironment:
    """Build and publish an environment. Limits of the site are checked before the build.

    Args:
        specification: The environment.
        root: The value of `--root`.
        build: Builds it, unless a version with its key exists.
    """
    async with opened_store(root) as store:
        await store.check_limits(specification.name)
        built = await build(functools.partial(store.has, specification.name))
        return await store.publish(specification, built, Sent(built.size))


def print_published(environment: PublishedEnvironment, *, as_json: bool) -> None:
    """Print what was published."""
    if as_json:
        print(json.dumps(descriptions.document(environment), indent=2))
        return
    current = environment.current
    print(f"Published: {environment.name}, version {current.number}")
    print(f"Archive: {current.url} ({descriptions.size_of(current.size)})")
    print(f"Key: {current.manifest.key}")
    print(f"Shared with: {descriptions.readers(environment)}")
    for line in descriptions.warnings(environment, current):
        print(line, file=sys.stderr)


class Sent:
    """Prints the progress of an upload in a few lines.

    Args:
        size: The bytes to send.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._printed = -1

    def __call__(self, sent: int) -> None:
        """Print a line at each part."""
        part = sent * _STEPS // self._size if self._size else _STEPS
        if part > self._printed:
            self._printed = part
            done, total = descriptions.size_of(sent), descriptions.size_of(self._size)
            print(f"publish: {done} of {total}", file=sys.stderr, flush=True)
