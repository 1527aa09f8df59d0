"""How a client connects and waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.wire.protection import Protection

if TYPE_CHECKING:
    from yarnhub.hadoop.conf import Properties


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcOptions:
    """Limits, waits and demands of a client. Times are in seconds."""

    connect_timeout: float = 20.0
    """For the connection with its authentication (`ipc.client.connect.timeout`)."""
    call_timeout: float = 60.0
    """For a call with all its repetitions, where the caller names no deadline. As long as
    `ipc.ping.interval`, by which Hadoop's own client notices that a server hangs."""
    acknowledge_timeout: float = 20.0
    """After this long without a sign that the server's machine has what was sent, the connection is
    lost (`TCP_USER_TIMEOUT`). A machine that lost its power says nothing, and TCP would try for a
    quarter of an hour; the other one of a pair has long taken over by then."""
    max_response: int = 128 * 1024 * 1024
    """Bytes in one answer (`ipc.maximum.response.length`)."""
    ping_interval: float = 60.0
    """How often a server hears from us while it owes an answer (`ipc.ping.interval`)."""
    idle_timeout: float = 60.0
    """After this long without a call the connection is closed. Hadoop's client waits 10 s
    (`ipc.client.connection.maxidletime`); we wait longer, since a new connection costs a login."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """How a call is repeated that was certainly not carried out, or that is idempotent. How often,
    applies to a server that is alone; a pair is asked until the deadline."""
    server_principal: str | None = None
    """The Kerberos principal that the server must have, such as `rm/_HOST@EXAMPLE.COM`, where
    `_HOST` is the canonical name of its address, or a
    pattern such as `rm/*@EXAMPLE.COM`. No ticket is shown to any other."""
    minimum_protection: Protection = Protection.AUTHENTICATION
    """The least that is accepted behind an authentication (`hadoop.rpc.protection`). Does not
    apply to a `SimpleUser`, who proves nothing."""
    fallback_to_simple: bool = False
    """Whether a Kerberos user may go on unproven where the server asks for no proof
    (`ipc.client.fallback-to-simple-auth-allowed`)."""

    @classmethod
    def configured(cls, properties: Properties, server_principal: str | None = None) -> Self:
        """What a cluster's configuration demands of all connections.

        Raises:
            ConfigurationError: `hadoop.rpc.protection` is none that is known.
        """
        fallback = properties.get("ipc.client.fallback-to-simple-auth-allowed") or "false"
        return cls(
            server_principal=server_principal,
            minimum_protection=Protection.parse(
                properties.get("hadoop.rpc.protection") or "authentication"
            ),
            fallback_to_simple=fallback.lower() == "true",
        )
