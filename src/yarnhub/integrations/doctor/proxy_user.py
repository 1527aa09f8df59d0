"""The users that the hub may act for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError
from yarnhub.integrations.doctor.finding import error, not_checked, ok, warning

if TYPE_CHECKING:
    from yarnhub.hadoop.conf import Configuration
    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding

_KINDS = ("hosts", "groups", "users")


async def check(deployment: Deployment) -> Finding:
    """Make a harmless request to the ResourceManager as the user."""
    user, own = deployment.options.user, deployment.settings.user_name
    if not user:
        return not_checked("name a user of the hub with --user")
    if user == own:
        deployment.can_impersonate = True
        return ok(f"{user} is the hub's own user, so the hub does not act for another user")
    try:
        async with deployment.resource_manager(deployment.settings.acting_for(user)) as manager:
            await manager.get_cluster_metrics()
    except AccessDeniedError as failure:
        return error(
            failure.message,
            f"name this host in hadoop.proxyuser.{own}.hosts, and {user} or one of their groups in "
            ".users or .groups, for the ResourceManager and for the NameNode, then `yarn rmadmin "
            "-refreshSuperUserGroupsConfiguration` and `hdfs dfsadmin "
            "-refreshSuperUserGroupsConfiguration`",
        )
    deployment.can_impersonate = True
    return ok(f"the ResourceManager lets {own} act for {user}")


async def check_rules(deployment: Deployment) -> Finding:
    """Check which users the hub may act for, and from which hosts."""
    return judge(
        deployment.rm_conf,
        deployment.settings.user_name,
        deployment.rm_source,
    )


def judge(rules: Configuration, hub: str, source: str) -> Finding:
    """The finding for the properties `hadoop.proxyuser.HUB.*`."""
    keys = {kind: f"hadoop.proxyuser.{hub}.{kind}" for kind in _KINDS}
    values = {kind: rules.get(key) for kind, key in keys.items()}
    if not any(values.values()):
        return not_checked(f"{source} has no hadoop.proxyuser.{hub}.*")
    wildcards = [keys[kind] for kind, value in values.items() if (value or "").strip() == "*"]
    if wildcards:
        return warning(
            f"{' and '.join(wildcards)}: * in {source}; anyone who gets the hub's key can act as "
            "any user, from any host if hosts is *",
            "set the hub's host, and the groups of its users",
        )
    allowed = ", ".join(f"{kind} {value}" for kind, value in values.items() if value)
    return ok(f"{hub} may act for {allowed} (in {source})")
