"""The delegation tokens that an application's containers need on a secure cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.filesystem.delegation import NameNodeTokens
from yarnhub.filesystem.key_provider import KeyProvider, KeyProviderTokens, find_key_provider
from yarnhub.filesystem.mount_table import SCHEME, MountTable
from yarnhub.filesystem.paths import Location, located
from yarnhub.hadoop.host_names import token_service
from yarnhub.hadoop.security.authentication import server_principal
from yarnhub.hadoop.wire.identifiers import KEY_SERVER, RESOURCE_MANAGER
from yarnhub.yarn.addresses import CLIENT, PRINCIPAL, resource_manager
from yarnhub.yarn.logs.layout import log_roots
from yarnhub.yarn.resource_manager import ResourceManager

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from yarnhub.client.access.settings import Settings
    from yarnhub.hadoop.conf import Properties
    from yarnhub.hadoop.security.users import User
    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.spec import ApplicationSpec, File


_log = logging.getLogger(__name__)

_CANCEL_TIMEOUT = 10.0
"""Seconds to cancel unused tokens: otherwise they expire."""


class TokenSource(Protocol):
    """A server that issues delegation tokens; see `NameNodeTokens`."""

    async def fetch(self, user: User, renewer: str) -> Token:
        """Get a new token of a user, with the service by which Java's clients look it up."""
        ...

    async def renew(self, user: User, token: Token) -> int:
        """Renew a token, as its renewer; returns its expiry, in ms since 1970."""
        ...

    async def cancel(self, user: User, token: Token) -> None:
        """Cancel a token, as its owner or its renewer."""
        ...


class ResourceManagerTokens:
    """The ResourceManager's delegation tokens; raises the errors of `ResourceManager`.

    Args:
        settings: The cluster.
    """

    def __init__(self, settings: Settings) -> None:
        self._configuration = settings.configuration
        self._endpoint = resource_manager(settings.configuration, CLIENT)
        self._options = settings.options

    async def fetch(self, user: User, renewer: str) -> Token:
        """See `TokenSource.fetch`."""
        async with self._client(user) as client:
            token = await client.get_delegation_token(renewer)
        if token is None:
            raise ConfigurationError(
                "the ResourceManager issues no delegation tokens: security is disabled"
            )
        # Java's clients know the token of a pair by both addresses (ClientRMProxy).
        services = [
            await token_service(address, self._configuration)
            for address in self._endpoint.addresses
        ]
        return replace(token, kind=RESOURCE_MANAGER, service=",".join(services))

    async def renew(self, user: User, token: Token) -> int:
        """See `TokenSource.renew`."""
        async with self._client(user) as client:
            return await client.renew_delegation_token(token)

    async def cancel(self, user: User, token: Token) -> None:
        """See `TokenSource.cancel`."""
        async with self._client(user) as client:
            await client.cancel_delegation_token(token)

    def _client(self, user: User) -> ResourceManager:
        return ResourceManager(self._endpoint, user, self._options)


async def token_sources(
    settings: Settings, file_systems: Iterable[str] = ()
) -> Sequence[TokenSource]:
    """The sources of the tokens that an application's containers need; none without security.

    These are `fs.defaultFS` and further file systems, whose tokens a NodeManager needs to localize
    an application's files and to aggregate its logs, the ResourceManager, and the key servers of
    the file systems' encryption zones.

    Args:
        settings: The cluster and the user.
        file_systems: URLs.

    Raises:
        YarnhubError: The key servers of a NameNode's encryption zones could not be determined.
    """
    if not settings.secure:
        return ()
    configuration = settings.configuration
    default = configuration.get("fs.defaultFS") or "file:///"
    urls = (default, *log_roots(configuration), *file_systems)
    wanted = [place.root for place in _distinct(urls, configuration)]
    name_nodes = [NameNodeTokens(url, configuration) for url in wanted]
    async with task_group() as group:
        asked = [
            group.create_task(find_key_provider(url, configuration, settings.user))
            for url in wanted
        ]
    providers = dict.fromkeys(provider for task in asked if (provider := task.result()))
    key_servers = [KeyProviderTokens(provider, settings.trust) for provider in providers]
    return (*name_nodes, ResourceManagerTokens(settings), *key_servers)


def file_systems_of(spec: ApplicationSpec) -> tuple[str, ...]:
    """The URLs that an application needs tokens for: named ones, and its files'."""
    # Reading a specification takes PyYAML, which a holder of applications may do without.
    from yarnhub.spec.sources import map_files

    sources: list[str] = []

    def note(_: str, file: File) -> File:
        sources.append(file.source)
        return file

    map_files(spec, note)
    return (*spec.file_systems, *sources)


def beside_default(settings: Settings, urls: Iterable[str]) -> tuple[str, ...]:
    """The HDFS file systems of URLs, each once, without `fs.defaultFS`."""
    configuration = settings.configuration
    default = Location.parse(configuration.get("fs.defaultFS") or "")
    found = _distinct(urls, configuration)
    return tuple(place.root for place in found if default is None or not place.is_on(default))


def _linked(urls: Iterable[str], configuration: Properties) -> Iterator[str]:
    """The URLs, with the targets of a ViewFS instead of its own."""
    for url in urls:
        place = located(url, configuration)
        if place is not None and place.scheme == SCHEME:
            yield from MountTable.read(place.root, configuration).targets
        else:
            yield url


def _distinct(urls: Iterable[str], configuration: Properties) -> list[Location]:
    wanted: list[Location] = []
    for url in _linked(urls, configuration):
        place = located(url, configuration)
        if place is not None and place.scheme == "hdfs" and not any(map(place.is_on, wanted)):
            wanted.append(place)
    return wanted


async def fetch_tokens(
    sources: Iterable[TokenSource], user: User, renewer: str
) -> dict[TokenSource, Token]:
    """A new token from each source, in their order; on an error, the issued ones are canceled.

    If cancelled, a source may have issued a token that is not used and expires.
    """
    found: dict[TokenSource, Token] = {}

    async def fetch(source: TokenSource) -> None:
        found[source] = await source.fetch(user, renewer)

    try:
        async with task_group() as group:
            for source in (sources := tuple(sources)):
                group.create_task(fetch(source), name="fetch a token")
    except BaseException:
        await cancel_tokens(found.items(), user)
        raise
    return {source: found[source] for source in sources}


async def cancel_tokens(tokens: Iterable[tuple[TokenSource, Token]], user: User) -> None:
    """Cancel unused tokens; on servers that do not respond they expire.

    Args:
        tokens: Each token with its source.
        user: Their owner or renewer.
    """

    async def cancel(source: TokenSource, token: Token) -> None:
        try:
            await source.cancel(user, token)
        except YarnhubError as error:
            _log.info("%s could not be canceled and will expire: %s", token, error)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CANCEL_TIMEOUT), task_group() as group:
            for source, token in tokens:
                group.create_task(cancel(source, token), name=f"cancel {token}")


class SubmissionTokens:
    """Delegation tokens for a submission, which the ResourceManager renews; none without security.

    A context manager for the submission: on an error they are canceled; otherwise the
    ResourceManager cancels them when the application has ended.

    Args:
        settings: The cluster and the user.
        file_systems: URLs of file systems in addition to `fs.defaultFS`.
    """

    def __init__(self, settings: Settings, file_systems: Iterable[str] = ()) -> None:
        self._settings = settings
        self._file_systems = tuple(file_systems)
        self._tokens: Mapping[TokenSource, Token] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            await cancel_tokens(self._tokens.items(), self._settings.user)

    @property
    def by_alias(self) -> Mapping[str, Token]:
        """The fetched tokens."""
        return by_alias(self._tokens.values())

    async def fetch(self) -> None:
        """Fetch the tokens.

        Raises:
            ConfigurationError: The ResourceManager's principal, which renews them, is not
                configured.
            YarnhubError: The key servers of a NameNode's encryption zones could not be determined.
        """
        sources = await token_sources(self._settings, self._file_systems)
        if not sources:
            return
        configuration = self._settings.configuration
        principal = configuration.get(PRINCIPAL)
        if not principal:
            raise ConfigurationError(f"{PRINCIPAL} is not set: the tokens could not be renewed")
        endpoint = resource_manager(configuration, CLIENT)
        renewer = await server_principal(principal, endpoint.addresses[0].host)
        self._tokens = await fetch_tokens(sources, self._settings.user, renewer)


def by_alias(tokens: Iterable[Token]) -> dict[str, Token]:
    """Tokens by their alias in a token file: Java's clients look one up by its service."""
    return {alias: token for token in tokens for alias in _aliases(token)}


def _aliases(token: Token) -> tuple[str, ...]:
    provider = KeyProvider.parse(token.service) if token.kind == KEY_SERVER else None
    return (token.service,) if provider is None else provider.aliases
