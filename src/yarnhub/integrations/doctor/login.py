"""Who the hub is, and how that is proven."""

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

    from yarnhub.integrations.doctor.deployment import Site
    from yarnhub.integrations.doctor.finding import Finding

T = TypeVar("T")

_KDC = 6.0
"""Seconds for a ticket: MIT Kerberos has asked each KDC by then, by UDP and by TCP."""


async def check(site: Site) -> Finding:
    """Whether we get a ticket from Kerberos; or who we say that we are."""
    question = site.question
    if not is_secure(site.configuration):
        site.settings = Settings.from_environment(question.environment)
        return ok(
            f"simple: YARN accepts the user name {site.settings.user_name} without authentication"
        )
    if question.keytab is None and not question.principal:
        return await _with_ticket(site)
    if question.keytab is None or not question.principal:
        return error(
            "--principal and --keytab must be given together",
            "give both, as in c.YarnSpawner.principal and c.YarnSpawner.keytab",
        )
    return await _with_keytab(site, question.keytab, question.principal)


async def _with_ticket(site: Site) -> Finding:
    environment = site.question.environment
    try:
        site.settings = await _in_time(lambda: Settings.from_environment(environment))
    except AuthenticationError as failure:
        return error(str(failure), "or give --principal and --keytab, which a hub needs")
    return warning(
        f"{site.settings.user_name} has a ticket from kinit, which expires within about a day",
        "a hub needs a keytab: give --principal and --keytab",
    )


async def _with_keytab(site: Site, keytab: Path, principal: str) -> Finding:
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
        await _in_time(credential.acquire)
    except ConfigurationError as failure:
        return error(str(failure), "it must belong to the user that the hub runs as")
    except AuthenticationError as failure:
        return error(str(failure), f"`klist -kt {keytab}` lists its principals")
    site.settings = Settings.from_environment(site.question.environment, credential)
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


async def _in_time(call: Callable[[], T]) -> T:
    """Let Kerberos ask; it waits for the KDC in C, and longer than anybody here would."""
    late = AuthenticationError(
        f"no KDC responded within {_KDC:g} s: check krb5.conf and the firewall"
    )
    async with Deadline(_KDC, late):
        return await Calls("kerberos").run(call)
