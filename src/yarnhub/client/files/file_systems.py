"""The cluster's file systems, opened as a client's user."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing
from yarnhub.client.tokens.submission import cancel_tokens
from yarnhub.filesystem.delegation import NameNodeTokens
from yarnhub.filesystem.mount_table import SCHEME, MountTable
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.paths import Location, located
from yarnhub.filesystem.viewfs import ViewFileSystem
from yarnhub.hadoop.security.users import KerberosUser, TokenUser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.client.access.settings import Settings
    from yarnhub.filesystem.port import FileSystem


@contextlib.asynccontextmanager
async def user_file_system(settings: Settings, url: str = "") -> AsyncIterator[FileSystem]:
    """Open the file system of a URL for a block; for a path, or nothing, `fs.defaultFS`.

    Cancelling while it is opened may leave a token behind that expires unused.

    Raises:
        ConfigurationError: No file system supports the URL.
    """
    configuration, user = settings.configuration, settings.user
    if Location.parse(url) is None:
        url = configuration.get("fs.defaultFS") or "file:///"
    location = located(url, configuration)
    scheme = location.scheme if location is not None else ""
    async with contextlib.AsyncExitStack() as stack:
        if scheme == SCHEME:
            table = MountTable.read(url, configuration)
            view = ViewFileSystem(table, functools.partial(user_file_system, settings))
            yield await stack.enter_async_context(view)
            return
        if scheme == "hdfs" and isinstance(user, KerberosUser) and user.name is not None:
            # Acting for another user needs that user's token; a ticket is not enough.
            source = NameNodeTokens(url, configuration)
            token = await source.fetch(user, renewer=user.credential.principal)
            stack.push_async_callback(cancel_tokens, [(source, token)], user)
            user = TokenUser(token)
        opened = open_file_system(url, configuration, user, trust=settings.trust)
        yield await stack.enter_async_context(opened)


class UserFileSystems(Closing):
    """The file systems of several URLs, each opened once; an async context manager.

    Args:
        settings: Who the user is.
        default: The user's `fs.defaultFS`, which stays open.
    """

    def __init__(self, settings: Settings, default: FileSystem) -> None:
        self._settings = settings
        self._opened = [default]
        self._stack = contextlib.AsyncExitStack()

    async def of(self, url: str) -> FileSystem:
        """The file system of a URL. Must not be called concurrently.

        Raises:
            ConfigurationError: No file system supports it.
        """
        location = located(url, self._settings.configuration)
        for each in self._opened:
            known = Location.parse(each.uri)
            if location is None or (known is not None and location.is_on(known)):
                return each
        opened = await self._stack.enter_async_context(user_file_system(self._settings, url))
        self._opened.append(opened)
        return opened

    async def aclose(self) -> None:
        """Close all but the default."""
        await self._stack.aclose()
