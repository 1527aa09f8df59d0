"""Creates an encryption zone, in one process without a JVM.

Run it as `python -m yarnhub.cluster.hdfs.encryption_zone KEY PATH` with the environment of HDFS's
superuser. It is a separate process because libkerberos reads its configuration from the
environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import RemoteError
from yarnhub.client.access.settings import Settings
from yarnhub.filesystem.delegation import CLIENT_PROTOCOL
from yarnhub.filesystem.key_provider import find_key_provider
from yarnhub.filesystem.name_node import find_name_nodes, name_node_options
from yarnhub.hadoop.codec import proto
from yarnhub.hadoop.http import exchange
from yarnhub.hadoop.ipc.client import RpcClient
from yarnhub.hadoop.scalars import STRING
from yarnhub.hadoop.security.negotiate import Negotiation
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.hadoop.trust import trust_for
from yarnhub.hadoop.wire.method import Method

if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUEST_TIMEOUT = 60.0
"""Seconds for one request."""
_MAX_RESPONSE = 1 << 20
"""Bytes of a response of the key server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEncryptionZoneRequest:
    """`CreateEncryptionZoneRequestProto`."""

    src: str = proto(1, STRING)
    key_name: str = proto(2, STRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEncryptionZoneResponse:
    """`CreateEncryptionZoneResponseProto`."""


CREATE_ENCRYPTION_ZONE = Method(
    "createEncryptionZone", CreateEncryptionZoneRequest, CreateEncryptionZoneResponse
)


async def create_zone(settings: Settings, key: str, path: str) -> None:
    """Create a key, and an encryption zone with it from an empty folder.

    Raises:
        YarnhubError: The key server or the NameNode refuses or does not respond.
    """
    provider = await find_key_provider("", settings.configuration, settings.user)
    assert provider is not None, "core-site.xml names it"
    assert isinstance(settings.user, KerberosUser)
    await _create_key(settings, settings.user, provider.urls[0], key)
    service = find_name_nodes("", settings.configuration)
    options = name_node_options(settings.configuration)
    async with RpcClient(service.rpc, CLIENT_PROTOCOL, settings.user, options=options) as client:
        request = CreateEncryptionZoneRequest(src=path, key_name=key)
        await client.call(CREATE_ENCRYPTION_ZONE, request, deadline=_REQUEST_TIMEOUT)


async def _create_key(settings: Settings, user: KerberosUser, url: str, key: str) -> None:
    proof = await Negotiation(user.credential, urlsplit(url).hostname or "").header()
    headers = (proof, ("Content-Type", "application/json"))
    body = json.dumps({"name": key, "cipher": "AES/CTR/NoPadding", "length": 128}).encode()
    trust = await trust_for(url, settings.trust)
    async with (
        Deadline(
            _REQUEST_TIMEOUT, f"no response from the key server within {_REQUEST_TIMEOUT:g} s"
        ),
        exchange("POST", f"{url}/v1/keys", headers=headers, body=body, trust=trust) as response,
    ):
        text = (await response.read(_MAX_RESPONSE)).decode(errors="replace")
    # The key of an earlier attempt, which failed before it created the zone.
    if response.status != HTTPStatus.CREATED and "already exists" not in text:
        raise RemoteError("", f"the key server refused to create a key ({response.status}): {text}")


def main(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Create the zone of the command line."""
    key, path = arguments
    asyncio.run(create_zone(Settings.from_environment(environment), key, path))


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
