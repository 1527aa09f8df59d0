"""Delegation tokens of the NameNode: what lets YARN read HDFS as a user without a ticket.

Source: ClientNamenodeProtocol.proto, Security.proto;
org.apache.hadoop.hdfs.security.token.delegation.DelegationTokenIdentifier (Hadoop 3.4).
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, ConnectError
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.hadoop.codec import STRING, proto
from yarnhub.hadoop.ipc.client import RpcClient
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.wire.method import Method, Protocol
from yarnhub.hadoop.wire.tokens import Token

if TYPE_CHECKING:
    from yarnhub.filesystem.name_node import NameService
    from yarnhub.filesystem.port import Properties
    from yarnhub.hadoop.address import Address
    from yarnhub.hadoop.security.users import User

KIND = "HDFS_DELEGATION_TOKEN"
CLIENT_PROTOCOL = Protocol("org.apache.hadoop.hdfs.protocol.ClientProtocol")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDelegationTokenRequest:
    """`GetDelegationTokenRequestProto`."""

    renewer: str = proto(1, STRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDelegationTokenResponse:
    """`GetDelegationTokenResponseProto`."""

    token: Token | None = proto(1, Token, None)


# Not idempotent: each call makes a token.
GET_DELEGATION_TOKEN = Method(
    "getDelegationToken", GetDelegationTokenRequest, GetDelegationTokenResponse
)


async def name_node_delegation_token(
    url: str,
    configuration: Properties,
    user: User,
    *,
    renewer: str,
    deadline: float = 60.0,
) -> Token:
    """Get a delegation token from a NameNode.

    Cancelling leaves it unknown whether the NameNode made a token; an unused one expires.

    Args:
        url: The HDFS, e.g. `hdfs://namenode:9000`; `fs.defaultFS` where it has no authority.
        configuration: The Hadoop configuration.
        user: Who logs in, with Kerberos, and for whom: the token is that user's.
        renewer: Who may renew it: the ResourceManager's principal, or the submission fails.
        deadline: Seconds for all of it.

    Returns:
        The token, with the service by which Java's clients look it up.

    Raises:
        AccessDeniedError: The user may not act for the other one.
        AuthenticationError: The NameNode did not accept the login.
        ConfigurationError: The cluster has no security, so no tokens.
        ConnectError: No NameNode answered.
        DeadlineExceededError: No answer in time.
    """
    service = find_name_nodes(url, configuration)
    options = RpcOptions(server_principal=configuration.get("dfs.namenode.kerberos.principal"))
    async with RpcClient(service.rpc, CLIENT_PROTOCOL, user, options=options) as client:
        request = GetDelegationTokenRequest(renewer=renewer)
        answer = await client.call(GET_DELEGATION_TOKEN, request, deadline=deadline)
        address = client.address
    if answer.token is None:
        raise ConfigurationError(
            f"the NameNode at {address} gives no delegation tokens: it has no security, so none"
            " are needed"
        )
    return dataclasses.replace(
        answer.token, kind=KIND, service=await token_service(service, address)
    )


async def token_service(service: NameService, address: Address) -> str:
    """The service under which Java's clients look for the token of an HDFS.

    Raises:
        ConnectError: The NameNode's host name has no address.
    """
    if service.nameservice is not None:
        return f"ha-hdfs:{service.nameservice}"
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            address.host, address.port, family=socket.AF_INET, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise ConnectError(f"{address.host} has no IPv4 address: {error}") from error
    return f"{found[0][4][0]}:{address.port}"
