"""The options of a client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.wire.protection import Protection

if TYPE_CHECKING:
    from yarnhub.hadoop.conf import Properties


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcOptions:
    """Limits, timeouts and requirements of a client. Times are in seconds."""

    connect_timeout: float = 20.0
    """For connecting and authenticating (`ipc.client.connect.timeout`)."""
    call_timeout: float = 60.0
    """For a call with all its retries, if the caller sets no deadline. As long as
    `ipc.ping.interval`, by which Hadoop's own client notices that a server hangs."""
    acknowledge_timeout: float = 20.0
    """After this time without an acknowledgment from the server's machine the connection is lost
    (`TCP_USER_TIMEOUT`). A machine without power sends nothing, and TCP would retry for 15 minutes;
    the other one of a pair has taken over long before."""
    max_response: int = 128 * 1024 * 1024
    """Bytes of one response (`ipc.maximum.response.length`)."""
    ping_interval: float = 60.0
    """The interval of pings while calls are pending (`ipc.ping.interval`)."""
    idle_timeout: float = 60.0
    """After this time without a call the connection is closed. Hadoop's client waits 10 s
    (`ipc.client.connection.maxidletime`); we wait longer, since a new connection costs a login."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """Retries of a call that was certainly not executed, or that is idempotent. The number of
    attempts applies to a single server; a pair is retried until the deadline."""
    server_principal: str | None = None
    """The Kerberos principal that the server must have, such as `rm/_HOST@EXAMPLE.COM`, where
    `_HOST` is the canonical name of its address, or a
    pattern such as `rm/*@EXAMPLE.COM`. Other servers do not get a ticket."""
    minimum_protection: Protection = Protection.AUTHENTICATION
    """The weakest protection that is accepted after authentication (`hadoop.rpc.protection`). Does
    not apply to a `SimpleUser`, who is not authenticated."""
    fallback_to_simple: bool = False
    """Whether a Kerberos user may continue unauthenticated if the server requires no authentication
    (`ipc.client.fallback-to-simple-auth-allowed`)."""

    @classmethod
    def configured(cls, properties: Properties, server_principal: str | None = None) -> Self:
        """The options of all connections from a cluster's configuration.

        Raises:
            ConfigurationError: `hadoop.rpc.protection` has an unknown value.
        """
        fallback = properties.get("ipc.client.fallback-to-simple-auth-allowed") or "false"
        return cls(
            server_principal=server_principal,
            minimum_protection=Protection.parse(
                properties.get("hadoop.rpc.protection") or "authentication"
            ),
            fallback_to_simple=fallback.lower() == "true",
        )
