"""The delegation tokens that an ApplicationMaster itself works with."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.token_file import replace_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.appmaster.shell.staging import StagingFolder
    from yarnhub.hadoop.wire.tokens import Token

_log = logging.getLogger(__name__)


class OwnTokens:
    """Hands newer delegation tokens to the AM's own file system, and to what runs beside it.

    Args:
        path: The AM's token file, which the master's script reads.
        folder: What the AM reads and writes in HDFS.
    """

    def __init__(self, path: Path, folder: StagingFolder | None = None) -> None:
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
