"""The container that a process runs in, if it runs in one.

What an application's process needs to reach its own ApplicationMaster is all in the container:
no Hadoop configuration and no home directory are asked for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.credentials import Credentials
from yarnhub.control import bootstrap, environment
from yarnhub.hadoop.security.users import SimpleUser, TokenUser, User
from yarnhub.hadoop.token_file import read_token_file, replace_tokens
from yarnhub.hadoop.wire import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.filesystem.port import FileSystem
    from yarnhub.hadoop.conf import Properties
    from yarnhub.hadoop.trust import TrustSource

_TOKEN_FILE = "HADOOP_TOKEN_FILE_LOCATION"  # noqa: S105  # a variable's name


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentContainer:
    """A container of an application, seen from inside.

    Attributes:
        application_id: Whose it is.
        address: `host:port` of its ApplicationMaster.
        container_id: Such as `worker_3`; None in the ApplicationMaster's own container, where
            the master's script runs.
        credentials: By which the application knows its own.
        token_file: Where the container's tokens are. They change while an application runs for
            days: read it anew for each piece of work.
        user_name: Whose container it is, on a cluster without security; None on others, where
            the tokens say that.
    """

    application_id: str
    address: str
    container_id: str | None
    credentials: Credentials
    token_file: Path
    user_name: str | None = None

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self | None:
        """The container that these variables were set by; None outside of one.

        Raises:
            ConfigurationError: The container's token file is missing or not as it should be.
        """
        address = variables.get(environment.APPMASTER_ADDRESS)
        application_id = variables.get(environment.APPLICATION_ID)
        if not address or not application_id:
            return None
        path = variables.get(_TOKEN_FILE)
        if not path:
            raise ConfigurationError(
                f"{_TOKEN_FILE} is not set: YARN sets it in every container, and something unset it"
            )
        return cls(
            application_id=application_id,
            address=address,
            container_id=variables.get(environment.CONTAINER_ID),
            credentials=_credentials(Path(path)),
            token_file=Path(path),
            user_name=variables.get("HADOOP_USER_NAME"),
        )

    def application(self) -> ApplicationClient:
        """A client of the container's own application, wherever its ApplicationMaster runs."""
        from yarnhub.client.application.client import ApplicationClient

        return ApplicationClient(
            self.application_id, self.address, self.credentials, locate=self.locate
        )

    def secrets(self) -> dict[str, bytes]:
        """What the application's submitter gave its containers, by the names it gave them.

        Raises:
            ConfigurationError: The token file cannot be read.
        """
        return bootstrap.given_secrets(_read(self.token_file).secrets)

    async def locate(self) -> str | None:
        """Where the application's ApplicationMaster is now; None while YARN starts another.

        The ResourceManager is asked, with the container's token or, on a cluster without security,
        with the user's name: neither a Hadoop configuration nor a login is needed.

        Raises:
            ApplicationFailedError: It has ended.
            YarnhubError: The ResourceManager cannot be reached, or the token has ended.
        """
        from yarnhub.client.application.watch import current_address
        from yarnhub.yarn.from_container import own_report

        found = await asyncio.to_thread(_read, self.token_file)
        managers = found.secrets.get(bootstrap.RESOURCE_MANAGERS)
        return current_address(
            await own_report(found, managers, self.application_id, self.user_name)
        )

    async def file_system(
        self,
        url: str,
        configuration: Properties,
        *,
        deadline: float = 60.0,
        trust: TrustSource | None = None,
    ) -> FileSystem:
        """An HDFS as the container's user sees it, with the token that the file holds now.

        Open it anew for each piece of work: it does not follow when the token is replaced.

        Args:
            url: Such as `hdfs://namenode:9000`; `fs.defaultFS` where it has no authority.
            configuration: The Hadoop configuration.
            deadline: Seconds that one answer may take.
            trust: Whose certificates are accepted; None for what the submitter's settings said.

        Raises:
            ConfigurationError: The container has no token for it: name it in the specification's
                `file_systems`.
        """
        from yarnhub.client.access.trust import SiteTrust
        from yarnhub.filesystem.delegation import hdfs_token_service
        from yarnhub.filesystem.name_node import find_name_nodes
        from yarnhub.filesystem.open import open_file_system

        service = find_name_nodes(url, configuration)
        found = await asyncio.to_thread(_read, self.token_file)
        token = found.tokens.get(await hdfs_token_service(service, service.rpc[0], configuration))
        user = self._user(token)
        return open_file_system(
            service.uri,
            configuration,
            user,
            deadline=deadline,
            trust=trust or SiteTrust(token_file=self.token_file),
        )

    def _user(self, token: tokens.Token | None) -> User:
        if token is not None:
            return TokenUser(token)
        if self.user_name is None:
            raise ConfigurationError(f"{self.token_file} holds no token for it")
        return SimpleUser(self.user_name)

    async def refresh_tokens(self) -> tuple[str, ...]:
        """Put the application's newest tokens into the token file; returns what they are for.

        An agent does that by itself where the node has Python 3.11 or newer.
        """
        async with self.application() as application:
            newest = (await application.get_tokens()).tokens
        if not newest:
            return ()
        found = tokens.Credentials.read(newest).tokens
        await asyncio.to_thread(replace_tokens, self.token_file, found)
        return tuple(sorted(found))


def _read(path: Path) -> tokens.Credentials:
    try:
        return read_token_file(path)
    except OSError as error:
        raise ConfigurationError(
            f"the container's token file {path} cannot be read: {error.strerror}"
        ) from error


def _credentials(path: Path) -> Credentials:
    secrets = _read(path).secrets
    try:
        return Credentials(secrets[bootstrap.CERTIFICATE], secrets[bootstrap.KEY])
    except KeyError as error:
        raise ConfigurationError(
            f"the token file {path} holds no {error.args[0]}: the application was not submitted"
            f" by yarnhub"
        ) from error
