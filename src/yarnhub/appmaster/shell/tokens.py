"""The delegation tokens that an ApplicationMaster itself works with."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError
from yarnhub.control.messages import Nothing, Request, UpdateTokens
from yarnhub.hadoop.token_file import replace_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.appmaster.shell.application_folder import ApplicationFolder
    from yarnhub.appmaster.shell.server.clients import Answer
    from yarnhub.hadoop.wire.tokens import Token

_log = logging.getLogger(__name__)


class OwnTokens:
    """Hands newer delegation tokens to the AM's own file system, and to what runs beside it.

    Args:
        path: The AM's token file, which the master's script reads.
        folder: What the AM reads and writes in HDFS.
    """

    def __init__(self, path: Path, folder: ApplicationFolder | None = None) -> None:
        self._path = path
        self._folder = folder
        self._tokens: Mapping[str, Token] = {}
        self._writing = asyncio.Lock()

    async def use(self, tokens: Mapping[str, Token]) -> None:
        """Use these from now on; a file that cannot be written is logged."""
        self._tokens = tokens
        if self._folder is not None:
            self._folder.use_tokens(tokens)
        async with self._writing:  # the last one to write has the latest
            try:
                await asyncio.to_thread(replace_tokens, self._path, self._tokens)
            except (OSError, ConfigurationError) as error:
                _log.error("the master's script does not get new tokens: %s", error)
            else:
                _log.info("new tokens for %s", ", ".join(sorted(self._tokens)))


class EarlyRequests:
    """The requests of clients before there is a runner: takes tokens, all others wait for it.

    YARN starts each attempt with the tokens of the submission, however old they are. Without newer
    ones it cannot read what the attempt before it recorded; and a client that brings some asks the
    ResourceManager where the ApplicationMaster is. So an attempt with expired tokens registers
    first, takes tokens, and then begins.
    """

    def __init__(self) -> None:
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._tokens: asyncio.Future[UpdateTokens] = asyncio.get_running_loop().create_future()

    async def ask(self, request: Request[Any]) -> Any:  # the class depends on the request
        """Have the application answer a client's request, see `Runner.ask`."""
        if isinstance(request, UpdateTokens) and not self._answer.done():
            if not self._tokens.done():
                self._tokens.set_result(request)
            return Nothing()
        return await (await asyncio.shield(self._answer))(request)

    async def tokens(self) -> UpdateTokens:
        """Wait for tokens."""
        return await asyncio.shield(self._tokens)

    def pass_on(self, answer: Answer) -> None:
        """From now on requests are answered by the runner."""
        self._answer.set_result(answer)
