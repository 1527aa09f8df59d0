"""Opening the file system of a URL as a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.foreign_text import quoted
from yarnhub.filesystem.guarded import GuardedNameNodes
from yarnhub.filesystem.hdfs import (
    HdfsFileSystem,
    NativeLogin,
    check_no_proxy,
    native_user_name,
    settings_of,
)
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.filesystem.mount_table import MountTable
from yarnhub.filesystem.name_node import PRINCIPAL, find_name_nodes, name_node_options
from yarnhub.filesystem.paths import DEFAULT_PORTS, Location
from yarnhub.filesystem.viewfs import ViewFileSystem
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.filesystem.webhdfs_requests import DelegationToken, UserName
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.security.auth_to_local import local_name
from yarnhub.hadoop.security.authentication import is_secure
from yarnhub.hadoop.security.kerberos import Keytab, TicketCache
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, TokenUser
from yarnhub.hadoop.trust import system

if TYPE_CHECKING:
    from yarnhub.filesystem.name_node import NameService
    from yarnhub.filesystem.port import FileSystem
    from yarnhub.hadoop.conf import Properties
    from yarnhub.hadoop.security.users import KerberosCredential, User
    from yarnhub.hadoop.trust import TrustSource

SUPPORTED = ("hdfs", "viewfs", "webhdfs", "swebhdfs", "file")


def open_file_system(
    url: str,
    configuration: Properties,
    user: User,
    *,
    deadline: float = 60.0,
    trust: TrustSource = system,
) -> FileSystem:
    """Open the file system of a URL as a user. It connects on first use.

    HDFS is read by hdfs-native if that can act for the user, otherwise by WebHDFS: for a name other
    than this process's, and for the owner of a delegation token.

    Args:
        url: Such as `hdfs://namenode:9000/user/alice`; the path does not matter. Without a scheme,
            `fs.defaultFS`.
        configuration: The Hadoop configuration.
        user: The user.
        deadline: Seconds for one response.
        trust: The accepted certificates, if WebHDFS uses HTTPS.

    Raises:
        ConfigurationError: The scheme is unknown, the address is not configured, or the user is not
            supported.
    """
    location = Location.parse(url)
    if location is None:
        url = configuration.get("fs.defaultFS") or "file:///"
        location = Location.parse(url)
    scheme = "" if location is None else location.scheme
    match scheme:
        case "file":
            return LocalFileSystem(deadline=deadline)
        case "hdfs":
            return _open_hdfs(url, configuration, user, deadline, trust)
        case "webhdfs" | "swebhdfs":
            kind = "https" if scheme == "swebhdfs" else "http"
            try:
                server = Address.parse(urlsplit(url).netloc, DEFAULT_PORTS[scheme])
            except ValueError as error:
                raise ConfigurationError(f"{url}: {error}") from error
            return WebHdfsFileSystem(
                f"{scheme}://{server}",
                (f"{kind}://{server}",),
                _web_identity(user, url),
                deadline=deadline,
                trust=trust,
            )
        case "viewfs":

            def open_target(target: str) -> FileSystem:
                return open_file_system(target, configuration, user, deadline=deadline, trust=trust)

            return ViewFileSystem(MountTable.read(url, configuration), open_target)
        case _:
            raise ConfigurationError(
                f"{url}: no file system for the scheme {quoted(scheme)}; "
                f"supported are {', '.join(SUPPORTED)}"
            )


def _open_hdfs(
    url: str, configuration: Properties, user: User, deadline: float, trust: TrustSource
) -> FileSystem:
    service = find_name_nodes(url, configuration)
    secure = is_secure(configuration)
    match user:
        case SimpleUser(name=name) if secure:
            raise ConfigurationError(
                f"cannot open {service.uri} as {name} without credentials:"
                " hadoop.security.authentication is kerberos;"
                " log in with Kerberos or use a delegation token"
            )
        case SimpleUser(name=name, real=None) if name == native_user_name():
            settings = settings_of(configuration, service)
            return HdfsFileSystem(service, settings, name, deadline=deadline)
        case KerberosUser(credential=credential, name=None):
            check_no_proxy()
            short = local_name(credential.principal, configuration)
            login = _login(credential)
            guarded = _guarded(service, configuration) if secure else None
            reached = service if guarded is None else guarded.of(service)
            return HdfsFileSystem(
                service,
                settings_of(configuration, reached),
                short,
                login=login,
                guarded=guarded,
                deadline=deadline,
            )
        case _:
            identity = _web_identity(user, url)
            return WebHdfsFileSystem(
                service.uri,
                service.web,
                identity,
                deadline=deadline,
                trust=trust,
            )


def _guarded(service: NameService, configuration: Properties) -> GuardedNameNodes:
    options = name_node_options(configuration)
    if not options.server_principal:
        raise ConfigurationError(
            f"{PRINCIPAL} is not set: no NameNode of {service.uri} could be authenticated"
        )
    return GuardedNameNodes(service, options.server_principal, options)


def _web_identity(user: User, url: str) -> UserName | DelegationToken:
    match user:
        case SimpleUser(name=name, real=real):
            return UserName(name, real)
        case TokenUser(token=token):
            return DelegationToken(token)
        case KerberosUser(credential=credential, name=name):
            who = f"{credential.principal} acting for {name}" if name else credential.principal
            raise ConfigurationError(
                f"cannot open {url} as {who}: WebHDFS with Kerberos (SPNEGO) is not supported, and"
                " hdfs-native cannot act for another user; fetch a delegation token with"
                " NameNodeTokens and open the file system as its TokenUser"
            )
        case _:
            assert_never(user)


def _login(credential: KerberosCredential) -> NativeLogin:
    match credential:
        case Keytab(path=path, principal=principal):
            return NativeLogin(principal=principal, keytab=str(path))
        case TicketCache(path=path):
            return NativeLogin(principal=credential.principal, cache=path)
        case _:
            # hdfs-native searches the default ticket cache for the principal.
            return NativeLogin(principal=credential.principal)
