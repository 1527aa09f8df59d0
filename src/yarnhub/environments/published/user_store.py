"""The store of a user, in the folder and with the limits that the site has configured."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.foreign_text import quoted
from yarnhub.base.units import parse_memory
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.published.publication import StoreLimits
from yarnhub.environments.published.store import EnvironmentStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.client.access.settings import Settings
    from yarnhub.hadoop.conf import Properties

ROOT_KEY = "yarnhub.environments.root"
COUNT_KEY = "yarnhub.environments.max-per-user"
SIZE_KEY = "yarnhub.environments.max-size-per-user"
_MEBIBYTE = 1 << 20


@contextlib.asynccontextmanager
async def user_store(settings: Settings, root: str = "") -> AsyncIterator[EnvironmentStore]:
    """Open the store of a user for a block.

    Cancelling while it is opened may leave a token behind that expires unused.

    Args:
        settings: The cluster and the user.
        root: The folder in HDFS; empty for the site's.

    Raises:
        ConfigurationError: A value of the configuration is wrong.
    """
    configuration = settings.configuration
    root = root or configured_root(configuration)
    limits = configured_limits(configuration)
    async with user_file_system(settings, root) as file_system:
        yield EnvironmentStore(
            file_system, root.rstrip("/"), user=settings.user_name, limits=limits
        )


def configured_root(properties: Properties) -> str:
    """The site's folder."""
    return properties.get(ROOT_KEY) or ROOT


def configured_limits(properties: Properties) -> StoreLimits:
    """What the site allows a user to publish.

    Raises:
        ConfigurationError: A value is wrong; names the key.
    """
    count, size = properties.get(COUNT_KEY), properties.get(SIZE_KEY)
    if count is not None and not (count.isascii() and count.isdecimal()):
        raise ConfigurationError(f"{COUNT_KEY} must be a whole number, not {quoted(count)}")
    try:
        most = parse_memory(size) * _MEBIBYTE if size is not None else None
    except ValueError as error:
        raise ConfigurationError(f"{SIZE_KEY}: {error}") from error
    return StoreLimits(max_environments=int(count) if count is not None else None, max_size=most)
