"""The store of published environments that commands use."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.cli.hdfs_root import checked_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from yarnhub.environments.published.store import EnvironmentStore


def add_root(parser: argparse.ArgumentParser) -> None:
    """Add `--root`."""
    parser.add_argument(
        "--root",
        default="",
        metavar="FOLDER",
        help="the folder in HDFS; default: the property yarnhub.environments.root, or "
        "/yarnhub/environments",
    )


@contextlib.asynccontextmanager
async def opened_store(root: str) -> AsyncIterator[EnvironmentStore]:
    """Open the store for a block.

    Args:
        root: The value of `--root`.

    Raises:
        ConfigurationError: The extra or the configuration of the cluster is missing.
    """
    from importlib.util import find_spec

    if find_spec("packaging") is None:
        raise ConfigurationError(
            "environments need the package packaging: install `yarnhub[environments]`"
        )
    from yarnhub.client.access.settings import Settings
    from yarnhub.environments.published.user_store import user_store

    settings = Settings.from_environment(os.environ)
    async with user_store(settings, checked_root(root, "")) as store:
        yield store
