"""An ApplicationMaster's client of the ResourceManager (ApplicationMasterProtocol)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.closing import Closing
from yarnhub.base.errors import AttemptNotFoundError
from yarnhub.hadoop.ipc.client import RpcClient, RpcOptions
from yarnhub.hadoop.security.users import TokenUser
from yarnhub.hadoop.wire.method import Method, Protocol
from yarnhub.yarn.records import scheduler as records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.hadoop.ipc.client import Address
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.yarn.records.applications import FinalApplicationStatus
    from yarnhub.yarn.records.ids import ContainerId
    from yarnhub.yarn.records.resources import ResourceRequest

_log = logging.getLogger(__name__)

Q = TypeVar("Q")
R = TypeVar("R")

PROTOCOL = Protocol("org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB")
REGISTER = Method(
    "registerApplicationMaster",
    records.RegisterApplicationMasterRequest,
    records.RegisterApplicationMasterResponse,
)
# A retry has the same response id, for which the scheduler repeats its last response.
ALLOCATE = Method("allocate", records.AllocateRequest, records.AllocateResponse, idempotent=True)
FINISH = Method(
    "finishApplicationMaster",
    records.FinishApplicationMasterRequest,
    records.FinishApplicationMasterResponse,
    idempotent=True,
)

_FINISH_POLL_INTERVAL = 0.05
"""Seconds between two polls whether the end is saved: writing to a state store takes some ms."""


class Scheduler(Closing):
    """One application attempt's client of the scheduler.

    Args:
        addresses: The scheduler's address, or both of a pair.
        token: The attempt's AMRMToken. A newer one from the scheduler replaces it.
        options: Limits.
    """

    def __init__(
        self, addresses: Sequence[Address], token: Token, options: RpcOptions | None = None
    ) -> None:
        self._addresses = addresses
        self._options = options or RpcOptions()
        self._rpc = self._client(token)
        self._response_id = 0

    def _client(self, token: Token) -> RpcClient:
        return RpcClient(self._addresses, PROTOCOL, TokenUser(token), options=self._options)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._rpc.aclose()

    async def register(
        self, host: str, rpc_port: int, tracking_url: str
    ) -> records.RegisterApplicationMasterResponse:
        """Register the AM, or register it again after `NotRegisteredError`.

        After registering again, all requests and releases must be sent again: the restarted
        ResourceManager has lost them.
        """
        request = records.RegisterApplicationMasterRequest(
            host=host, rpc_port=rpc_port, tracking_url=tracking_url
        )
        # Also if the response is lost: a registered AM starts at 0.
        self._response_id = 0
        return await self._rpc.call(REGISTER, request)

    async def allocate(
        self,
        asks: Sequence[ResourceRequest],
        releases: Sequence[ContainerId],
        progress: float,
    ) -> records.AllocateResponse:
        """Send one heartbeat.

        Raises:
            NotRegisteredError: The ResourceManager was restarted: `register` again.
            AttemptNotFoundError: The attempt is over: the AM must stop.
        """
        request = records.AllocateRequest(
            ask=tuple(asks),
            release=tuple(releases),
            response_id=self._response_id,
            progress=progress,
        )
        response = await self._rpc.call(ALLOCATE, request)
        # The id must be the server's own: counting locally breaks after a failover.
        self._response_id = response.response_id
        if response.am_rm_token is not None:
            await self._roll(response.am_rm_token)
        return response

    async def _roll(self, token: Token) -> None:
        """Use the new token now: the old one would fail at the next reconnect."""
        _log.info("the AMRMToken was rolled")
        old, self._rpc = self._rpc, self._client(token)
        await old.aclose()

    async def finish(
        self, status: FinalApplicationStatus, diagnostics: str, tracking_url: str = ""
    ) -> None:
        """Report the application's end until it is saved; then YARN may kill the AM at any time."""
        request = records.FinishApplicationMasterRequest(
            final_application_status=status, diagnostics=diagnostics, tracking_url=tracking_url
        )
        try:
            while not (await self._rpc.call(FINISH, request)).is_unregistered:
                await asyncio.sleep(_FINISH_POLL_INTERVAL)
        except AttemptNotFoundError:
            # A retry of a request that was executed: the attempt is over, as requested.
            _log.debug("the attempt is already unregistered")
