"""The scheduler of the ResourceManager, or of an AMRMProxy, for an ApplicationMaster."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from yarnhub.base.errors import YarnhubError
from yarnhub.hadoop.address import Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from yarnhub.yarn.records.applications import FinalApplicationStatus
    from yarnhub.yarn.records.ids import ContainerId
    from yarnhub.yarn.records.resources import ResourceRequest
    from yarnhub.yarn.records.scheduler import AllocateResponse, RegisterApplicationMasterResponse

_log = logging.getLogger(__name__)

_ENABLED = "yarn.nodemanager.amrmproxy.enabled"
_ADDRESS = "yarn.nodemanager.amrmproxy.address"
_PORT = 8049
"""Source: yarn-default.xml, yarn.nodemanager.amrmproxy.address."""
_ANY = "0.0.0.0"  # noqa: S104  # an address to connect to


class SchedulerPort(Protocol):
    """The runner's interface to the scheduler, implemented by `yarn.scheduler.Scheduler`."""

    async def register(
        self, host: str, rpc_port: int, tracking_url: str
    ) -> RegisterApplicationMasterResponse:
        """See `Scheduler.register`."""
        ...

    async def allocate(
        self, asks: Sequence[ResourceRequest], releases: Sequence[ContainerId], progress: float
    ) -> AllocateResponse:
        """See `Scheduler.allocate`."""
        ...

    async def finish(
        self, status: FinalApplicationStatus, diagnostics: str, tracking_url: str = ""
    ) -> None:
        """See `Scheduler.finish`."""
        ...


class RegisteredScheduler:
    """A scheduler with which this attempt has registered; registering again would be refused.

    Source: ApplicationMasterService.registerApplicationMaster.
    """

    def __init__(
        self, scheduler: SchedulerPort, response: RegisterApplicationMasterResponse
    ) -> None:
        self._scheduler = scheduler
        self._response: RegisterApplicationMasterResponse | None = response

    async def register(
        self, host: str, rpc_port: int, tracking_url: str
    ) -> RegisterApplicationMasterResponse:
        """The earlier response; after a restart of the ResourceManager, a new one."""
        if self._response is not None:
            response, self._response = self._response, None
            return response
        return await self._scheduler.register(host, rpc_port, tracking_url)

    async def allocate(
        self, asks: Sequence[ResourceRequest], releases: Sequence[ContainerId], progress: float
    ) -> AllocateResponse:
        """See `Scheduler.allocate`."""
        return await self._scheduler.allocate(asks, releases, progress)

    async def finish(
        self, status: FinalApplicationStatus, diagnostics: str, tracking_url: str = ""
    ) -> None:
        """See `Scheduler.finish`."""
        await self._scheduler.finish(status, diagnostics, tracking_url)


def scheduler_addresses(submitted: Iterable[str], env: Mapping[str, str]) -> list[Address]:
    """The scheduler's addresses.

    If the node runs an AMRMProxy, as in a federation, its address: YARN has replaced the token for
    the ResourceManager with the proxy's. Source:
    org.apache.hadoop.yarn.server.nodemanager.amrmproxy.AMRMProxyService,
    processApplicationStartRequest (Hadoop 3.4).

    Args:
        submitted: `host:port` of each, from the submitter.
        env: The environment of the ApplicationMaster.
    """
    proxy = None
    if folder := env.get("HADOOP_CONF_DIR"):
        try:
            proxy = _proxy(folder, env)
        except (YarnhubError, ValueError, OSError) as error:
            _log.warning("the node's own configuration cannot be read: %s", error)
    return [proxy] if proxy is not None else [Address.parse(text) for text in submitted]


def _proxy(folder: str, env: Mapping[str, str]) -> Address | None:
    from pathlib import Path

    from yarnhub.hadoop.site_file import read_site_file

    # A complete `Configuration` needs Hadoop's defaults, which would be most of the zip's size.
    file = Path(folder) / "yarn-site.xml"
    if not file.exists():
        return None
    values = {each.name: (each.value or "").strip() for each in read_site_file(file)}
    if values.get(_ENABLED, "").lower() != "true":
        return None
    text = values.get(_ADDRESS, "")
    # If the host is a variable, it is the node itself.
    host, _, port = text.rpartition(":") if ":" in text else (text, "", str(_PORT))
    here = not host or host == _ANY or "${" in host
    found = Address.parse(f"{env.get('NM_HOST', 'localhost') if here else host}:{port}")
    _log.info("using the node's AMRMProxy at port %d as the scheduler", found.port)
    return found
