"""The credentials of a user for one server."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, TokenUser, User
from yarnhub.hadoop.wire.headers import UserInformation
from yarnhub.hadoop.wire.protection import Protection
from yarnhub.hadoop.wire.sasl import KerberosLogin, Login

if TYPE_CHECKING:
    from yarnhub.hadoop.address import Address
    from yarnhub.hadoop.ipc.options import RpcOptions


async def make_login(user: User, address: Address, options: RpcOptions) -> Login:
    """The credentials of `user` for one connection to the server at `address`.

    Raises:
        ConfigurationError: A Kerberos user, and no principal is configured for the server.
        ConnectError: The server's host has no address.
    """
    minimum = options.minimum_protection
    match user:
        case SimpleUser(name, real):
            return Login(simple=UserInformation(effective_user=name, real_user=real))
        case TokenUser(token):
            return Login(token=token, minimum=minimum, cnonce=secrets.token_urlsafe(24))
        case KerberosUser(credential, name):
            if options.server_principal is None:
                raise ConfigurationError(
                    f"no Kerberos principal is configured for the server at {address}: "
                    "set it, for the ResourceManager with yarn.resourcemanager.principal"
                )
            # Not part of an ApplicationMaster, which has only tokens.
            from yarnhub.hadoop.security.authentication import server_principal

            server = await server_principal(options.server_principal, address.host)
            simple = None
            if options.fallback_to_simple and minimum is Protection.AUTHENTICATION:
                owner = credential.principal
                simple = UserInformation(
                    effective_user=name or owner, real_user=owner if name else None
                )
            kerberos = KerberosLogin(credential.open, server, name)
            return Login(simple=simple, kerberos=kerberos, minimum=minimum)
