"""The container that a process runs in, if it runs in one.

What an application's process needs to reach its own ApplicationMaster is all in the container:
no Hadoop configuration and no home directory are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.security import Credentials
from yarnhub.control import bootstrap, environment
from yarnhub.hadoop.wire import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from yarnhub.client.application import ApplicationClient, Locate

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
    """

    application_id: str
    address: str
    container_id: str | None
    credentials: Credentials

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
        return cls(
            application_id=application_id,
            address=address,
            container_id=variables.get(environment.CONTAINER_ID),
            credentials=_credentials(variables),
        )

    def application(self, locate: Locate | None = None) -> ApplicationClient:
        """A client of the container's own application.

        Args:
            locate: Finds its ApplicationMaster again, should it be started anew elsewhere.
        """
        from yarnhub.client.application import ApplicationClient

        return ApplicationClient(self.application_id, self.address, self.credentials, locate)


def _credentials(variables: Mapping[str, str]) -> Credentials:
    path = variables.get(_TOKEN_FILE)
    if not path:
        raise ConfigurationError(
            f"{_TOKEN_FILE} is not set: YARN sets it in every container, something here unset it"
        )
    try:
        secrets = tokens.Credentials.read(Path(path).read_bytes()).secrets
    except OSError as error:
        raise ConfigurationError(
            f"the container's token file {path} cannot be read: {error.strerror}"
        ) from error
    try:
        return Credentials(secrets[bootstrap.CERTIFICATE], secrets[bootstrap.KEY])
    except KeyError as error:
        raise ConfigurationError(
            f"the token file {path} holds no {error.args[0]}: another program than yarnhub "
            "submitted this application"
        ) from error
