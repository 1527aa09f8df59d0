"""Runs the checks in order, each with a time-out; those that need a failed one are skipped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.integrations.doctor import (
    access_control,
    configuration,
    hdfs,
    hub,
    installation,
    login,
    node_run,
    nodes,
    proxy_user,
    queue,
    resource_manager,
    services,
    unpacking,
)
from yarnhub.integrations.doctor.finding import Grade, error, not_checked

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding

CHECK_TIMEOUT = 8.0
"""Seconds for a check: a margin over two slow responses."""
CONFIG_TIMEOUT = 60.0
"""Seconds for a check that executes the hub's configuration, which imports what it needs."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: Its name in the report.
        run: Does it, and sets what other checks need in the deployment.
        needs: Names of the checks that must have succeeded.
        deadline: Seconds.
    """

    name: str
    run: Callable[[Deployment], Awaitable[Finding]]
    needs: tuple[str, ...] = ()
    deadline: float = CHECK_TIMEOUT


CHECKS = (
    Check("configuration", configuration.check),
    Check("login", login.check, ("configuration",)),
    Check("ResourceManager", resource_manager.check, ("login",)),
    Check("Hadoop version", resource_manager.check_version, ("ResourceManager",)),
    Check("proxy user", proxy_user.check, ("ResourceManager",)),
    Check("proxy user's rules", proxy_user.check_rules, ("ResourceManager",)),
    Check("queue", queue.check, ("ResourceManager",)),
    Check("servers at once", queue.check_masters, ("queue",)),
    Check("largest container", nodes.check_largest, ("ResourceManager",)),
    Check("Python on the nodes", nodes.check_python, ("proxy user", "queue"), node_run.RUN_TIMEOUT),
    Check("access control", access_control.check_acls, ("ResourceManager",)),
    Check("open ResourceManager", access_control.check_open, ("ResourceManager",)),
    Check("HDFS", hdfs.check, ("login",)),
    Check("WebHDFS", hdfs.check_web, ("HDFS",)),
    Check(
        "archives on the nodes",
        unpacking.check,
        ("proxy user", "queue", "HDFS"),
        node_run.RUN_TIMEOUT,
    ),
    Check("packages", installation.check_owners),
    Check("JupyterHub", installation.check_versions),
    Check("proxy", installation.check_proxy),
    Check("hub's configuration", hub.check, deadline=CONFIG_TIMEOUT),
    Check("connections to servers", hub.check_connections, ("hub's configuration",)),
    Check("services", services.check, ("hub's configuration",), CONFIG_TIMEOUT),
    Check("services' folders", services.check_folders, ("hub's configuration",)),
    Check("services' ports", services.check_ports, ("hub's configuration",)),
    Check("platform's database", services.check_database, ("hub's configuration",)),
)


async def run_checks(
    deployment: Deployment, checks: Sequence[Check] = CHECKS
) -> AsyncGenerator[Finding, None]:
    """Run the checks and yield each finding as soon as it is available; takes bounded time.

    Cancelling leaves nothing behind.
    """
    failed: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in failed]
        if missing:
            found = not_checked(f"it depends on {' and '.join(missing)}")
        else:
            found = await _run(check, deployment)
        if found.grade in (Grade.ERROR, Grade.NOT_CHECKED):
            failed.add(check.name)
        yield replace(found, check=check.name)


async def _run(check: Check, deployment: Deployment) -> Finding:
    try:
        async with Deadline(check.deadline, f"no response within {check.deadline:g} s"):
            return await check.run(deployment)
    except YarnhubError as caught:
        return error(str(caught))
