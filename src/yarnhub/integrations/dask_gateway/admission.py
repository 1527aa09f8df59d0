"""Which requests for clusters dask-gateway's server refuses before it stores or sends anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dask_gateway_server.auth import SimpleAuthenticator

from yarnhub.base.errors import ConfigurationError, SpecError, YarnhubError
from yarnhub.filesystem.paths import Location, located
from yarnhub.sessions.users import DeniedUserError, InvalidUserError, check_user, comparable
from yarnhub.spec import File
from yarnhub.spec.sources import local_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from yarnhub.hadoop.conf import Properties

NOT_STORED = "dask-gateway's server cannot write its database: tell its administrator"
MAX_OPTIONS = 64 * 1024
"""Characters of a request's options as JSON: dask-gateway keeps them for a day after the cluster's
end, twice, in memory and in the database."""


class RefusedError(YarnhubError):
    """A request for a cluster is refused, with the reason for its user."""


def check_login(authenticator: object) -> None:
    """Check that users prove who they are, on a cluster with security.

    Args:
        authenticator: dask-gateway's `Authenticator`.

    Raises:
        ConfigurationError: It accepts every user's name.
    """
    if isinstance(authenticator, SimpleAuthenticator) and not authenticator.password:
        raise ConfigurationError(
            "dask-gateway would accept every user's name without a password: set "
            "c.DaskGateway.authenticator_class, for example to "
            "'yarnhub.integrations.dask_gateway.KerberosAuthenticator'"
        )


def check_owner(name: str, own: str, denied: Collection[str]) -> None:
    """Check whose cluster it would be: YARN and Hadoop change some names into other users'.

    Args:
        name: The user's name.
        own: The server's own on the cluster.
        denied: Users who cannot have clusters.

    Raises:
        RefusedError: The user cannot have clusters.
    """
    if not name or comparable(name) == comparable(own):
        raise RefusedError(
            f"Dask clusters of {name or 'a user without a name'} are not possible: they would run "
            "as the account of dask-gateway's server"
        )
    try:
        check_user(name, denied)
    except InvalidUserError as error:
        raise RefusedError(str(error)) from error
    except DeniedUserError as error:
        text = f"{error}: it is a system account or is listed in c.YarnBackend.denied_users"
        raise RefusedError(text) from error


def check_size(options: Any, records: int, limit: int) -> None:
    """Check what a request adds to the server's memory.

    Args:
        options: The request's options; JSON.
        records: The user's clusters of which the server has a record, running or ended.
        limit: The limit of these.

    Raises:
        RefusedError: It is too much.
    """
    size = len(json.dumps(options))
    if size > MAX_OPTIONS:
        raise RefusedError(f"the options have {size} characters, and at most {MAX_OPTIONS} can be")
    if records >= limit:
        raise RefusedError(
            f"{records} clusters of yours are in the server's records "
            f"(c.YarnBackend.user_record_limit is {limit}): try again when the oldest are forgotten"
        )


def localized(
    chosen: Mapping[str, Any],
    configured: Mapping[str, Any],
    file_systems: Iterable[str],
    properties: Properties,
) -> dict[str, File]:
    """The files of a cluster's containers.

    The server reads its own files as itself, and connects to the file systems of the others.

    Args:
        chosen: The cluster's `localize_files`: an option may let its user set it.
        configured: The administrator's.
        file_systems: URLs of file systems from which users can choose files, in addition to those
            of the Hadoop configuration.
        properties: The Hadoop configuration.

    Raises:
        SpecError: A property is not valid, or a user cannot choose the file.
    """
    services = (properties.get("dfs.nameservices") or "").replace(",", " ").split()
    named = [properties.get("fs.defaultFS") or "", *(f"hdfs://{each}" for each in services)]
    known = [each for url in (*named, *file_systems) if (each := Location.parse(url))]
    files = {}
    for name, each in chosen.items():
        key = f"localize_files.{name}"
        try:
            files[name] = file = File.from_dict(each)
        except SpecError as error:
            raise SpecError(f"{key}.{error.path}".rstrip("."), error.reason) from error
        if name in configured and configured[name] == each:
            continue
        location = located(file.source, properties)
        if local_path(file, Path()) is not None or location is None:
            raise SpecError(key, "must be in HDFS, not on the server")
        if not any(map(location.is_on, known)):
            raise SpecError(
                key,
                f"{location.root} is not a file system of this cluster: see fs.defaultFS, "
                "dfs.nameservices and c.YarnBackend.file_systems",
            )
    return files
