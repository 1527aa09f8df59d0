"""The process's environment, as skein's classes read it, and its container: `skein.properties`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from yarnhub.client.access.settings import Settings, config_folder
from yarnhub.client.application.container import CurrentContainer
from yarnhub.control import environment as names

if TYPE_CHECKING:
    from skein.specification import Resources


chosen: dict[str, str] = {}
"""`config_dir`, if the process has chosen another than the environment says: tests do."""


def variables() -> Mapping[str, str]:
    """The variables as they are now."""
    return os.environ  # noqa: TID251  # the one place of this package


def current_container() -> CurrentContainer | None:
    """The container that this process runs in; None outside of one."""
    return CurrentContainer.from_environment(variables())


def settings(keytab: str | Path | None = None, principal: str | None = None) -> Settings:
    """Where the cluster is and who the user is: of the keytab, or of the ticket of `kinit`."""
    if keytab is not None and principal is not None:
        found = Settings.of_keytab(variables(), Path(keytab), principal)
    elif keytab is not None or principal is not None:
        raise ValueError("give both a keytab and a principal, or neither")
    else:
        found = Settings.from_environment(variables())
    return replace(found, config_folder=credentials_folder())


def credentials_folder() -> Path:
    """Where the user's credentials are kept."""
    return Path(chosen.get("config_dir") or config_folder(variables()))


_OF_A_CONTAINER = ("container_tokens", ".skein.crt")
"""YARN makes a folder for a container on every disk, and puts files into one of them. The second
is of a container that skein 0.8 started."""


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
        return self._variable(names.APPLICATION_ID)

    @property
    def appmaster_address(self) -> str | None:
        """`host:port` of its ApplicationMaster."""
        return self._variable(names.APPMASTER_ADDRESS)

    @property
    def config_dir(self) -> str:
        """The folder of the user's credentials."""
        return str(credentials_folder())

    @property
    def container_id(self) -> str | None:
        """Such as `worker_3`; None for the master's script too."""
        return self._variable(names.CONTAINER_ID)

    @property
    def container_resources(self) -> Resources | None:
        """What the container was asked for."""
        memory = self._variable(names.RESOURCE_MEMORY)
        vcores = self._variable(names.RESOURCE_VCORES)
        if memory is None or vcores is None:
            return None
        from skein.specification import Resources  # which imports this module

        return Resources(int(memory), int(vcores))

    @property
    def container_dir(self) -> str | None:
        """The container's folder."""
        container = self.yarn_container_id
        if container is None:
            return None
        for disk in filter(None, (self._variable("LOCAL_DIRS") or "").split(",")):
            folder = Path(disk) / container
            if any((folder / name).exists() for name in _OF_A_CONTAINER):
                return str(folder)
        return None

    @property
    def yarn_container_id(self) -> str | None:
        """YARN's id of the container."""
        return self._variable("CONTAINER_ID")

    def _variable(self, name: str) -> str | None:
        return variables().get(name) or None

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
