"""Delegation tokens of the NameNode, with which YARN reads HDFS as a user without a ticket.

Source: ClientNamenodeProtocol.proto;
org.apache.hadoop.hdfs.security.token.delegation.DelegationTokenIdentifier (Hadoop 3.4).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.name_node import find_name_nodes, name_node_options
from yarnhub.hadoop.host_names import token_service
from yarnhub.hadoop.ipc.client import RpcClient
from yarnhub.hadoop.wire.delegation import (
    CancelDelegationTokenRequest,
    CancelDelegationTokenResponse,
    GetDelegationTokenRequest,
    GetDelegationTokenResponse,
    RenewDelegationTokenRequest,
    RenewDelegationTokenResponse,
)
from yarnhub.hadoop.wire.identifiers import HDFS
from yarnhub.hadoop.wire.method import Method, Protocol

if TYPE_CHECKING:
    from yarnhub.filesystem.name_node import NameService
    from yarnhub.hadoop.address import Address
    from yarnhub.hadoop.conf import Properties
    from yarnhub.hadoop.security.users import User
    from yarnhub.hadoop.wire.tokens import Token


CLIENT_PROTOCOL = Protocol("org.apache.hadoop.hdfs.protocol.ClientProtocol")


# Not idempotent: each call issues a token.
GET_DELEGATION_TOKEN = Method(
    "getDelegationToken", GetDelegationTokenRequest, GetDelegationTokenResponse
)
RENEW_DELEGATION_TOKEN = Method(
    "renewDelegationToken",
    RenewDelegationTokenRequest,
    RenewDelegationTokenResponse,
    idempotent=True,
)
# A token that was cancelled is unknown: a repeat would be refused.
CANCEL_DELEGATION_TOKEN = Method(
    "cancelDelegationToken", CancelDelegationTokenRequest, CancelDelegationTokenResponse
)


class NameNodeTokens:
    """The delegation tokens of one HDFS.

    Every method raises `AccessDeniedError` if the user may not act for the other one,
    `AuthenticationError` if the NameNode does not accept the login or the token, `ConnectError` if
    no NameNode can be reached and `DeadlineExceededError` if none responds in time.

    Args:
        url: The HDFS, e.g. `hdfs://namenode:9000`; without an authority, `fs.defaultFS`.
        configuration: The Hadoop configuration.
        deadline: Seconds for each call.

    Raises:
        ConfigurationError: The URL names no NameNode.
    """

    def __init__(self, url: str, configuration: Properties, *, deadline: float = 60.0) -> None:
        self._service = find_name_nodes(url, configuration)
        self._configuration = configuration
        self._options = name_node_options(configuration)
        self._deadline = deadline

    async def fetch(self, user: User, renewer: str) -> Token:
        """Get a new token.

        If cancelled, the NameNode may have issued a token, which expires.

        Args:
            user: The Kerberos login, and the user it acts for, who owns the token.
            renewer: The principal that may renew it. For a token in a submission it must be the
                ResourceManager's, or the submission fails.

        Returns:
            The token, with the service by which Java's clients look it up.

        Raises:
            ConfigurationError: Security is disabled, so there are no tokens.
        """
        async with self._client(user) as client:
            request = GetDelegationTokenRequest(renewer=renewer)
            answer = await client.call(GET_DELEGATION_TOKEN, request, deadline=self._deadline)
            address = client.address
        if answer.token is None:
            raise ConfigurationError(
                f"the NameNode at {address} issues no delegation tokens: security is disabled, so"
                f" none are needed"
            )
        service = await hdfs_token_service(self._service, address, self._configuration)
        return dataclasses.replace(answer.token, kind=HDFS, service=service)

    async def renew(self, user: User, token: Token) -> int:
        """Renew a token, as its renewer; returns its expiry, in ms since 1970."""
        async with self._client(user) as client:
            request = RenewDelegationTokenRequest(token=token)
            answer = await client.call(RENEW_DELEGATION_TOKEN, request, deadline=self._deadline)
        return answer.new_expiry_time

    async def cancel(self, user: User, token: Token) -> None:
        """Cancel a token, as its owner or its renewer."""
        async with self._client(user) as client:
            request = CancelDelegationTokenRequest(token=token)
            await client.call(CANCEL_DELEGATION_TOKEN, request, deadline=self._deadline)

    def _client(self, user: User) -> RpcClient:
        return RpcClient(self._service.rpc, CLIENT_PROTOCOL, user, options=self._options)


async def hdfs_token_service(
    service: NameService, address: Address, configuration: Properties
) -> str:
    """The service under which Java's clients look for the token of an HDFS.

    Raises:
        ConnectError: The NameNode's host name has no address.
    """
    if service.nameservice is not None:
        return f"ha-hdfs:{service.nameservice}"
    return await token_service(address, configuration)
