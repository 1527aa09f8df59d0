"""What the doctor checks: the cluster and the hub, and what is known about them so far."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AuthenticationError,
    ConnectError,
    DeadlineExceededError,
    RemoteProtocolError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.client.access.web_servers import WebServers
from yarnhub.hadoop.conf import Configuration
from yarnhub.yarn.addresses import CLIENT, resource_manager, web_pages
from yarnhub.yarn.resource_manager import ResourceManager

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.hadoop.address import Address
    from yarnhub.hadoop.trust import TrustSource
    from yarnhub.integrations.doctor.hub_config import HubConfig

RESPONSE_TIMEOUT = 3.0
"""Seconds for one response: less than a check has, so that its error names what did not respond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """What to check.

    Attributes:
        environment: Names the configuration folder and the folders with commands.
        queue: The queue for servers.
        user: The user that the hub would act for; empty for none.
        principal: The hub's Kerberos principal; goes with `keytab`.
        keytab: The file with its key.
        run: Whether to run an application on the nodes.
        hub_config: The `jupyterhub_config.py`; None if unknown.
    """

    environment: Mapping[str, str]
    queue: str = "default"
    user: str = ""
    principal: str = ""
    keytab: Path | None = None
    run: bool = False
    hub_config: Path | None = None


@dataclass(slots=True)
class Deployment:
    """A cluster and a hub on this host, with what is known about them so far.

    A check may rely on what the checks that it needs have set here.

    Attributes:
        options: What to check.
        configuration: The Hadoop configuration on this host.
        rm_conf: The ResourceManager's own configuration, if available; else `configuration`.
        rm_source: Where `rm_conf` comes from, for messages.
        can_impersonate: Whether the hub may act for the user.
        response_timeout: Seconds for one response.
    """

    options: DoctorOptions
    configuration: Configuration = field(default_factory=lambda: Configuration({}))
    rm_conf: Configuration = field(default_factory=lambda: Configuration({}))
    rm_source: str = ""
    can_impersonate: bool = False
    response_timeout: float = RESPONSE_TIMEOUT
    _settings: Settings | None = None
    _active: int | None = None
    _hub: HubConfig | None = None

    @property
    def settings(self) -> Settings:
        """The hub's user, after the login."""
        assert self._settings is not None, "the check must need `login`"
        return self._settings

    @settings.setter
    def settings(self, found: Settings) -> None:
        self._settings = found

    @property
    def as_user(self) -> Settings:
        """The hub acting for the user, if that is allowed; else the hub itself."""
        return (
            self.settings.acting_for(self.options.user) if self.can_impersonate else self.settings
        )

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All ResourceManagers."""
        return resource_manager(self.configuration, CLIENT).addresses

    @property
    def active(self) -> int:
        """The index of the active ResourceManager."""
        assert self._active is not None, "the check must need `ResourceManager`"
        return self._active

    @active.setter
    def active(self, index: int) -> None:
        self._active = index

    @property
    def hub(self) -> HubConfig:
        """The hub's configuration."""
        assert self._hub is not None, "the check must need `hub's configuration`"
        return self._hub

    @hub.setter
    def hub(self, found: HubConfig) -> None:
        self._hub = found

    def resource_manager(
        self, settings: Settings | None = None, index: int | None = None
    ) -> ResourceManager:
        """A ResourceManager, by default the active one as the hub sees it."""
        settings = settings or self.settings
        index = self.active if index is None else index
        endpoint = resource_manager(self.configuration, CLIENT)
        one = replace(endpoint, addresses=(endpoint.addresses[index],))
        impatient = replace(
            settings.options,
            connect_timeout=self.response_timeout,
            call_timeout=self.response_timeout,
            retry=RetryPolicy(attempts=1),
        )
        return ResourceManager(one, settings.user, impatient)

    @property
    def rm_url(self) -> str:
        """The URL of the active ResourceManager's web server."""
        return web_pages(self.configuration)[self.active]

    @property
    def trust(self) -> TrustSource:
        """The certificates that the cluster's HTTPS servers are checked against."""
        return self.settings.trust

    async def get_json(self, path: str, index: int | None = None) -> Any:  # Any: JSON
        """Request a page of a ResourceManager's REST API.

        Args:
            path: The path of the page.
            index: Which ResourceManager; None is the active one.

        Raises:
            ConnectError: It does not respond.
            RemoteProtocolError: The response is not JSON, or it requires another login.
        """
        index = self.active if index is None else index
        url = web_pages(self.configuration)[index] + path
        try:
            async with Deadline(
                self.response_timeout, f"no response within {self.response_timeout:g} s"
            ):
                return await WebServers(self.settings, "ResourceManager").json(url)
        except (ConnectionError, DeadlineExceededError) as error:
            raise ConnectError(f"{url} cannot be read: {error}") from error
        except AuthenticationError as error:
            raise RemoteProtocolError(f"{url} cannot be read: {error}") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
