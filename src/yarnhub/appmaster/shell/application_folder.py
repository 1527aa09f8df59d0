"""The application's folder in HDFS, as its ApplicationMaster uses it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.appmaster.shell.journal.hdfs import HdfsJournal
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.control import bootstrap, json
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.filesystem.webhdfs_requests import DelegationToken, UserName
from yarnhub.hadoop.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.control.bootstrap import SubmittedApplication
    from yarnhub.hadoop.wire.tokens import Token, TokenStorage

_log = logging.getLogger(__name__)

_ANSWER_TIMEOUT = 20.0
"""Seconds for one response of HDFS."""
_CLEAN_UP_TIMEOUT = 10.0
"""Seconds for the clean-up of an AM that has unregistered, during which its container is in use."""


@dataclass(frozen=True, slots=True)
class ApplicationFolder:
    """An application's folder in HDFS, and its delegation token."""

    file_system: WebHdfsFileSystem
    folder: str
    token: str | None = None
    """The alias of its delegation token; None without security."""

    @classmethod
    def of(
        cls, application: SubmittedApplication, credentials: TokenStorage
    ) -> ApplicationFolder | None:
        """The folder of a submitted application; None without one."""
        staging = application.staging
        if staging is None:
            return None
        identity: UserName | DelegationToken = UserName(application.user)
        if staging.token is not None:
            identity = DelegationToken(credentials.tokens[staging.token])
        packed = credentials.secrets.get(bootstrap.TRUST)
        trust = Trust() if packed is None else json.load(Trust, packed)
        file_system = WebHdfsFileSystem(
            staging.uri, staging.web, identity, deadline=_ANSWER_TIMEOUT, trust=lambda: trust
        )
        return cls(file_system, staging.folder, staging.token)

    def use_tokens(self, tokens: Mapping[str, Token]) -> None:
        """Use the newer token in this file from now on."""
        if self.token is not None and (newer := tokens.get(self.token)) is not None:
            self.file_system.requests.identity = DelegationToken(newer)

    def journal(self, attempt: int) -> HdfsJournal:
        """The application's journal, for an attempt."""
        return HdfsJournal(self.file_system, self.folder, attempt)

    async def delete(self) -> None:
        """Delete all uploads and records: the application has ended."""
        try:
            async with Deadline(_CLEAN_UP_TIMEOUT, f"no response within {_CLEAN_UP_TIMEOUT:g} s"):
                await self.file_system.delete(self.folder, recursive=True)
        except YarnhubError as error:
            _log.warning("%s could not be deleted: %s", self.folder, error)
