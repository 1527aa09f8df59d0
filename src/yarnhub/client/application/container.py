"""The container in which this process runs, if any.

The container has all that a process needs to reach its own ApplicationMaster: a Hadoop
configuration or home directory is not needed.
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
    """The container of the current process.

    Attributes:
        application_id: The application.
        address: `host:port` of its ApplicationMaster.
        container_id: Such as `worker_3`; None in the ApplicationMaster's own container, where
            the master's script runs.
        credentials: The application's credentials.
        token_file: The file with the container's tokens. They change while an application runs for
            days: read it again for each piece of work.
        user_name: The container's user on a cluster without security; None on others, where the
            tokens name it.
    """

    application_id: str
    address: str
    container_id: str | None
    credentials: Credentials
    token_file: Path
    user_name: str | None = None

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self | None:
        """The container that these environment variables describe; None outside a container.

        Raises:
            ConfigurationError: The container's token file is missing or invalid.
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
        """The secrets that the submitter gave to the containers, by name.

        Raises:
            ConfigurationError: The token file cannot be read.
        """
        return bootstrap.given_secrets(_read(self.token_file).secrets)

    async def locate(self) -> str | None:
        """The current address of the ApplicationMaster; None while YARN restarts it.

        Queries the ResourceManager with the container's token or, on a cluster without security,
        with the user's name: neither a Hadoop configuration nor a login is needed.

        Raises:
            ApplicationFailedError: The application has ended.
            YarnhubError: The ResourceManager cannot be reached, or the token has expired.
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
        """An HDFS as the container's user, with the token currently in the token file.

        Open it again for each piece of work: it keeps using a token that was replaced.

        Args:
            url: For example `hdfs://namenode:9000`; without an authority, `fs.defaultFS`.
            configuration: The Hadoop configuration.
            deadline: Seconds for one response.
            trust: The accepted certificates; None for the certificates in the submitter's settings.

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
            raise ConfigurationError(f"{self.token_file} has no token for it")
        return SimpleUser(self.user_name)

    async def refresh_tokens(self) -> tuple[str, ...]:
        """Write the application's newest tokens to the token file; returns their services.

        An agent does this automatically on nodes with Python 3.11 or newer.
        """
        async with self.application() as application:
            newest = (await application.get_tokens()).tokens
        if not newest:
            return ()
        found = tokens.TokenStorage.read(newest).tokens
        await asyncio.to_thread(replace_tokens, self.token_file, found)
        return tuple(sorted(found))


def _read(path: Path) -> tokens.TokenStorage:
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
