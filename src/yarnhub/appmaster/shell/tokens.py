"""The delegation tokens that an ApplicationMaster itself uses."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError
from yarnhub.control.messages import Nothing, Request, UpdateTokens
from yarnhub.hadoop.token_file import replace_tokens

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from pathlib import Path

    from yarnhub.appmaster.shell.application_folder import ApplicationFolder
    from yarnhub.appmaster.shell.server.clients import Answer
    from yarnhub.hadoop.wire.tokens import Token

_log = logging.getLogger(__name__)


class OwnTokens:
    """Passes newer delegation tokens to the AM's own file system, and to the master's script.

    Args:
        path: The AM's token file, which the master's script reads.
        folder: The application's folder in HDFS.
    """

    def __init__(self, path: Path, folder: ApplicationFolder | None = None) -> None:
        self._path = path
        self._folder = folder
        self._tokens: Mapping[str, Token] = {}
        self._writing = asyncio.Lock()

    async def use(self, tokens: Mapping[str, Token]) -> None:
        """Use these from now on; an error of the token file is logged."""
        self._tokens = tokens
        if self._folder is not None:
            self._folder.use_tokens(tokens)
        async with self._writing:  # the last write has the latest tokens
            try:
                await asyncio.to_thread(replace_tokens, self._path, self._tokens)
            except (OSError, ConfigurationError) as error:
                _log.error("the master's script does not get new tokens: %s", error)
            else:
                _log.info("new tokens for %s", ", ".join(sorted(self._tokens)))


class EarlyRequests:
    """The requests of clients before the runner exists: tokens are accepted, other requests wait.

    YARN starts each attempt with the tokens of the submission, which may have expired. Without
    newer ones, it cannot read the journal of the previous attempt; and a client with newer ones
    looks up the ApplicationMaster's address in the ResourceManager. So an attempt with expired
    tokens first registers, receives tokens, and then starts.
    """

    def __init__(self) -> None:
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._tokens: asyncio.Future[UpdateTokens] = asyncio.get_running_loop().create_future()

    def begin(self, request: Request[Any]) -> Awaitable[object]:
        """Pass a client's request to the application, see `Runner.begin`."""
        return self._answer.result()(request) if self._answer.done() else self.ask(request)

    async def ask(self, request: Request[Any]) -> Any:  # the class depends on the request
        """Pass a client's request to the application once it runs, see `Runner.ask`."""
        if isinstance(request, UpdateTokens) and not self._answer.done():
            if not self._tokens.done():
                self._tokens.set_result(request)
            return Nothing()
        return await (await asyncio.shield(self._answer))(request)

    async def tokens(self) -> UpdateTokens:
        """Wait for tokens."""
        return await asyncio.shield(self._tokens)

    def pass_on(self, answer: Answer) -> None:
        """Pass requests to the runner from now on."""
        self._answer.set_result(answer)
