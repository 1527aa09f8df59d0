"""Delegation tokens of key servers (KMS), for the files in HDFS's encryption zones.

Source: org.apache.hadoop.crypto.key.kms.{KMSClientProvider,LoadBalancingKMSClientProvider};
org.apache.hadoop.security.token.delegation.web.DelegationTokenAuthenticator;
org.apache.hadoop.hdfs.HdfsKMSUtil; hdfs.proto (Hadoop 3.4).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    RemoteError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.base.foreign_text import quoted
from yarnhub.filesystem.delegation import CLIENT_PROTOCOL
from yarnhub.filesystem.name_node import find_name_nodes, name_node_options
from yarnhub.hadoop.codec import proto
from yarnhub.hadoop.http import exchange
from yarnhub.hadoop.ipc.client import RpcClient
from yarnhub.hadoop.scalars import STRING
from yarnhub.hadoop.security.negotiate import Negotiation
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.hadoop.trust import system, trust_for
from yarnhub.hadoop.wire.identifiers import KEY_SERVER
from yarnhub.hadoop.wire.method import Method
from yarnhub.hadoop.wire.tokens import Token

if TYPE_CHECKING:
    from yarnhub.hadoop.conf import Properties
    from yarnhub.hadoop.http import Response
    from yarnhub.hadoop.security.users import User
    from yarnhub.hadoop.trust import TrustSource

_URI = re.compile(
    r"kms://(?P<scheme>https?)@(?P<hosts>[^/:@#]+)(?P<port>:\d+)?(?P<path>/[^#]*)?(?:#.*)?"
)
_MAX_RESPONSE = 1 << 20
"""The limit of one response, in bytes."""


@dataclass(frozen=True, slots=True)
class KeyProvider:
    """A group of equivalent key servers.

    Attributes:
        service: Its URI, such as `kms://https@one;two:9600/kms`: its tokens' service.
        servers: The URIs of each of them alone.
        urls: Their web addresses.
    """

    service: str
    servers: tuple[str, ...]
    urls: tuple[str, ...]

    @classmethod
    def parse(cls, uri: str) -> KeyProvider | None:
        """Parse a URI; None for a provider without tokens, such as `jceks://`.

        Raises:
            ConfigurationError: It is not the URI of a key server.
        """
        if not uri.startswith("kms:"):
            return None
        match = _URI.fullmatch(uri)
        if match is None:
            raise ConfigurationError(
                f"the key provider {quoted(uri)} does not look like kms://https@host1;host2:9600/kms"
            )
        hosts = [host for host in match["hosts"].split(";") if host]
        rest = f"{match['port'] or ''}{match['path'] or ''}"
        return cls(
            service=uri.partition("#")[0],
            servers=tuple(f"kms://{match['scheme']}@{host}{rest}" for host in hosts),
            urls=tuple(f"{match['scheme']}://{host}{rest}".rstrip("/") for host in hosts),
        )

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names under which Java's clients look for its tokens in a token file.

        A client whose configuration names the provider itself uses the names of single servers.
        """
        return tuple(dict.fromkeys((self.service, *self.servers)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FsServerDefaults:
    """The part of `FsServerDefaultsProto` that is used here."""

    key_provider_uri: str | None = proto(9, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetServerDefaultsRequest:
    """`GetServerDefaultsRequestProto`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetServerDefaultsResponse:
    """`GetServerDefaultsResponseProto`."""

    server_defaults: FsServerDefaults = proto(1, FsServerDefaults)


GET_SERVER_DEFAULTS = Method(
    "getServerDefaults", GetServerDefaultsRequest, GetServerDefaultsResponse, idempotent=True
)


async def find_key_provider(
    url: str, configuration: Properties, user: User, *, deadline: float = 60.0
) -> KeyProvider | None:
    """The key servers of an HDFS; None if it has no encryption zones.

    The NameNode names them; for an old one, they are taken from the configuration.

    Args:
        url: The HDFS; without an authority, `fs.defaultFS`.
        configuration: The Hadoop configuration.
        user: The user.
        deadline: Seconds for the response.

    Raises:
        YarnhubError: The NameNode does not respond, or names an unsupported provider.
    """
    options = name_node_options(configuration)
    service = find_name_nodes(url, configuration)
    async with RpcClient(service.rpc, CLIENT_PROTOCOL, user, options=options) as client:
        answer = await client.call(
            GET_SERVER_DEFAULTS, GetServerDefaultsRequest(), deadline=deadline
        )
    uri = answer.server_defaults.key_provider_uri
    if uri is None:
        uri = configuration.get("hadoop.security.key.provider.path")
    return KeyProvider.parse(uri) if uri else None


class KeyProviderTokens:
    """The delegation tokens of one group of key servers.

    Every method raises `AccessDeniedError` if the user may not act for the other one,
    `AuthenticationError` if the login is not accepted, `ConnectError` and `DeadlineExceededError`
    if no server responds, `RemoteError` if one fails.

    Args:
        provider: The key servers.
        trust: Their CA.
        deadline: Seconds for each server's response.
    """

    def __init__(
        self, provider: KeyProvider, trust: TrustSource = system, *, deadline: float = 20.0
    ) -> None:
        self._provider = provider
        self._trust = trust
        self._deadline = deadline

    async def fetch(self, user: User, renewer: str) -> Token:
        """Get a new token; see `NameNodeTokens.fetch`."""
        answer = await self._ask("GET", user, op="GETDELEGATIONTOKEN", renewer=renewer)
        try:
            token = Token.from_url(str(_field(_field(answer, "Token"), "urlString")))
        except ValueError as error:
            raise RemoteProtocolError("a key server's token is damaged") from error
        return replace(token, kind=KEY_SERVER, service=self._provider.service)

    async def renew(self, user: User, token: Token) -> int:
        """Renew a token, as its renewer; returns its expiry, in ms since 1970."""
        answer = await self._ask("PUT", user, op="RENEWDELEGATIONTOKEN", token=token.to_url())
        expiry = _field(answer, "long")
        if not isinstance(expiry, int):
            raise RemoteProtocolError("a key server's response has no expiry time of the token")
        return expiry

    async def cancel(self, user: User, token: Token) -> None:
        """Cancel a token, as its owner or its renewer."""
        await self._ask("PUT", user, op="CANCELDELEGATIONTOKEN", token=token.to_url())

    async def _ask(self, verb: str, user: User, **parameters: str) -> object:
        """Try one server after the other until one responds."""
        if not isinstance(user, KerberosUser):
            raise ConfigurationError("tokens of a key server need a login with Kerberos")
        if user.name is not None:
            parameters["doAs"] = user.name
        failure: YarnhubError | None = None
        for url in self._provider.urls:
            try:
                return await self._call(verb, url, user, parameters)
            except (ConnectError, ConnectionLostError, DeadlineExceededError) as error:
                failure = failure or error
        raise failure or ConfigurationError(f"{self._provider.service} names no key server")

    async def _call(
        self, verb: str, url: str, user: KerberosUser, parameters: dict[str, str]
    ) -> object:
        place = urlsplit(url).netloc
        proof = Negotiation(user.credential, urlsplit(url).hostname or "")
        target = f"{url}/v1/?{urlencode(parameters)}"
        message = f"the key server at {place} did not respond within {self._deadline:g} s"
        try:
            async with Deadline(self._deadline, message):
                header = await proof.header()
                trust = await trust_for(target, self._trust)
                async with exchange(verb, target, headers=[header], trust=trust) as response:
                    body = await response.read(_MAX_RESPONSE)
                    if response.status == HTTPStatus.OK:
                        await proof.check(response)
        except ConnectError as error:
            raise ConnectError(f"no token from the key server: {error}") from error
        return _parsed(response, body, place, user)


def _parsed(response: Response, body: bytes, place: str, user: KerberosUser) -> object:
    try:
        answer: object = json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        answer = None
    if response.status == HTTPStatus.OK:
        return answer
    if response.status == HTTPStatus.UNAUTHORIZED:
        raise AuthenticationError(
            f"the key server at {place} does not accept the Kerberos ticket of "
            f"{user.credential.principal}"
        )
    refusal = answer.get("RemoteException") if isinstance(answer, dict) else None
    fields = refusal if isinstance(refusal, dict) else {}
    java_class = str(fields.get("javaClassName", ""))
    message = str(fields.get("message") or f"HTTP status {response.status} {response.reason}")
    if response.status == HTTPStatus.FORBIDDEN:
        raise AccessDeniedError(java_class, f"{message} (the key server at {place})")
    raise RemoteError(java_class, f"the key server at {place} failed: {message}")


def _field(answer: object, name: str) -> object:
    if not isinstance(answer, dict) or name not in answer:
        raise RemoteProtocolError(f"a key server's response has no {name}")
    return answer[name]
