"""The set-up under examination: what is asked about it, and what is known so far."""

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

PATIENCE = 3.0
"""Seconds for one answer: less than a check has, so that what did not answer is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to examine.

    Attributes:
        environment: Names the configuration folder and the commands' folders.
        queue: Where servers shall run.
        user: For whom the hub would act; empty for nobody.
        principal: The hub's in Kerberos; goes with `keytab`.
        keytab: The file with its key.
        run: Whether to run something on the nodes.
        hub_config: The `jupyterhub_config.py`; None if it is not known.
    """

    environment: Mapping[str, str]
    queue: str = "default"
    user: str = ""
    principal: str = ""
    keytab: Path | None = None
    run: bool = False
    hub_config: Path | None = None


@dataclass(slots=True)
class Site:
    """What is known so far; a check may rely on what those that it needs have put here.

    Attributes:
        question: What to examine.
        configuration: What the files on this host say.
        rules: What the ResourceManager itself goes by, where it tells; else `configuration`.
        rules_from: Whose words `rules` are.
        acting: Whether the hub may act for the user.
        patience: Seconds for one answer.
    """

    question: Question
    configuration: Configuration = field(default_factory=lambda: Configuration({}))
    rules: Configuration = field(default_factory=lambda: Configuration({}))
    rules_from: str = ""
    acting: bool = False
    patience: float = PATIENCE
    _settings: Settings | None = None
    _active: int | None = None

    @property
    def settings(self) -> Settings:
        """Who we are, once that is proven."""
        assert self._settings is not None, "the check has to need `login`"
        return self._settings

    @settings.setter
    def settings(self, found: Settings) -> None:
        self._settings = found

    @property
    def as_user(self) -> Settings:
        """The hub acting for the user, where it may; else the hub."""
        return self.settings.acting_for(self.question.user) if self.acting else self.settings

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All ResourceManagers."""
        return resource_manager(self.configuration, CLIENT).addresses

    @property
    def active(self) -> int:
        """Which ResourceManager is the active one."""
        assert self._active is not None, "the check has to need `ResourceManager`"
        return self._active

    @active.setter
    def active(self, index: int) -> None:
        self._active = index

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
            connect_timeout=self.patience,
            call_timeout=self.patience,
            retry=RetryPolicy(attempts=1),
        )
        return ResourceManager(one, settings.user, impatient)

    @property
    def page(self) -> str:
        """The URL of the active ResourceManager's pages."""
        return web_pages(self.configuration)[self.active]

    @property
    def trust(self) -> TrustSource:
        """Whose certificates the cluster's HTTPS servers have."""
        return self.settings.trust

    async def ask_page(self, path: str, index: int | None = None) -> Any:  # Any: JSON
        """What a ResourceManager's REST interface says.

        Args:
            path: Of the page.
            index: Which ResourceManager; None is the active one.

        Raises:
            ConnectError: Nobody answers there.
            RemoteProtocolError: It answers something else, or wants another login.
        """
        index = self.active if index is None else index
        url = web_pages(self.configuration)[index] + path
        try:
            async with Deadline(self.patience, f"no answer within {self.patience:g} s"):
                return await WebServers(self.settings, "ResourceManager").json(url)
        except (ConnectionError, DeadlineExceededError) as error:
            raise ConnectError(f"{url} cannot be read: {error}") from error
        except AuthenticationError as error:
            raise RemoteProtocolError(f"{url} cannot be read: {error}") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
