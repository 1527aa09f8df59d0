"""What a process learns of the container that it runs in: `skein.properties`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from skein.environment import chosen, credentials_folder, variable, variables
from skein.specification import Resources
from yarnhub.client.application.container_folder import container_folder
from yarnhub.control import environment as names


class Properties(Mapping[str, object]):
    """What a process's container is; each is None outside of one. Read when it is asked for."""

    __slots__ = ()

    _names: ClassVar[tuple[str, ...]] = (
        "application_id",
        "appmaster_address",
        "config_dir",
        "container_id",
        "container_resources",
        "container_dir",
        "yarn_container_id",
    )

    @property
    def _mapping(self) -> dict[str, str]:
        # Tests of programs for skein set their configuration folder here.
        return chosen

    @property
    def application_id(self) -> str | None:
        """The application's id."""
        return variable(names.APPLICATION_ID)

    @property
    def appmaster_address(self) -> str | None:
        """`host:port` of its ApplicationMaster."""
        return variable(names.APPMASTER_ADDRESS)

    @property
    def config_dir(self) -> str:
        """The folder of the user's credentials."""
        return str(credentials_folder())

    @property
    def container_id(self) -> str | None:
        """Such as `worker_3`; None for the master's script too."""
        return variable(names.CONTAINER_ID)

    @property
    def container_resources(self) -> Resources | None:
        """What the container was asked for."""
        memory = variable(names.RESOURCE_MEMORY)
        vcores = variable(names.RESOURCE_VCORES)
        if memory is None or vcores is None:
            return None
        return Resources(int(memory), int(vcores))

    @property
    def container_dir(self) -> str | None:
        """The container's folder."""
        folder = container_folder(variables())
        return None if folder is None else str(folder)

    @property
    def yarn_container_id(self) -> str | None:
        """YARN's id of the container."""
        return variable("CONTAINER_ID")

    def __getitem__(self, name: str) -> object:
        if name not in self._names:
            raise KeyError(name)
        value: object = getattr(self, name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


properties: Properties = Properties()
