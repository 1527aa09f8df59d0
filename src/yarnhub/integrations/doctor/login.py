"""The hub's login: simple, or Kerberos with a ticket or a keytab."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import AuthenticationError, ConfigurationError
from yarnhub.client.access.settings import Settings
from yarnhub.filesystem.threads import Calls
from yarnhub.hadoop.security.authentication import is_secure
from yarnhub.integrations.doctor.finding import error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding

T = TypeVar("T")

_KDC_TIMEOUT = 6.0
"""Seconds for a ticket: by then, MIT Kerberos has tried each KDC by UDP and by TCP."""


async def check(deployment: Deployment) -> Finding:
    """Check that Kerberos issues a ticket; without security, which user name is sent."""
    options = deployment.options
    if not is_secure(deployment.configuration):
        deployment.settings = Settings.from_environment(options.environment)
        return ok(
            f"simple: YARN accepts the user name {deployment.settings.user_name} without "
            "authentication"
        )
    if options.keytab is None and not options.principal:
        return await _with_ticket(deployment)
    if options.keytab is None or not options.principal:
        return error(
            "--principal and --keytab must be given together",
            "give both, as in c.YarnSpawner.principal and c.YarnSpawner.keytab",
        )
    return await _with_keytab(deployment, options.keytab, options.principal)


async def _with_ticket(deployment: Deployment) -> Finding:
    environment = deployment.options.environment
    try:
        deployment.settings = await _with_timeout(lambda: Settings.from_environment(environment))
    except AuthenticationError as failure:
        return error(str(failure), "or give --principal and --keytab, which a hub needs")
    return warning(
        f"{deployment.settings.user_name} has a ticket from kinit, which expires within a day or "
        "so",
        "a hub needs a keytab: give --principal and --keytab",
    )


async def _with_keytab(deployment: Deployment, keytab: Path, principal: str) -> Finding:
    from yarnhub.hadoop.security.kerberos import Keytab

    try:
        status = await asyncio.to_thread(keytab.stat)
    except OSError as failure:
        return error(
            f"the keytab {keytab} cannot be read: {failure.strerror}",
            "it must belong to the user that the hub runs as",
        )
    credential = Keytab(keytab, principal)
    try:
        await _with_timeout(credential.acquire)
    except ConfigurationError as failure:
        return error(str(failure), "it must belong to the user that the hub runs as")
    except AuthenticationError as failure:
        return error(str(failure), f"`klist -kt {keytab}` lists its principals")
    deployment.settings = Settings.from_environment(deployment.options.environment, credential)
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return warning(
            f"{keytab} is readable by others (mode {stat.S_IMODE(status.st_mode):o}), and anyone "
            f"who can read it can act as {principal}",
            f"chmod 400 {keytab}",
        )
    if status.st_uid != os.getuid():
        return warning(
            f"{keytab} belongs to the user {status.st_uid}, and this is {os.getuid()}",
            "chown it to the user that the hub runs as, and run this command as that user",
        )
    return ok(f"Kerberos gives {principal} a ticket for the key in {keytab}")


async def _with_timeout(call: Callable[[], T]) -> T:
    """Bound a call of libkerberos, which blocks in C until each KDC has timed out."""
    late = AuthenticationError(
        f"no KDC responded within {_KDC_TIMEOUT:g} s: check krb5.conf and the firewall"
    )
    async with Deadline(_KDC_TIMEOUT, late):
        return await Calls("kerberos").run(call)
