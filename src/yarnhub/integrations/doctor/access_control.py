"""Who gets in without being asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.integrations.doctor.deployment import is_loopback
from yarnhub.integrations.doctor.finding import ok, warning

if TYPE_CHECKING:
    from yarnhub.integrations.doctor.deployment import Site
    from yarnhub.integrations.doctor.finding import Finding


async def check_acls(site: Site) -> Finding:
    """Whether YARN asks who may see and end whose applications."""
    if site.rules.get_bool("yarn.acl.enable", default=False):
        return ok(f"yarn.acl.enable is true (in {site.rules_from})")
    return warning(
        f"yarn.acl.enable is false (in {site.rules_from}): everyone can read the logs of all "
        "users' servers and kill them",
        "set it to true in yarn-site.xml, with yarn.admin.acl, and restart the ResourceManager",
    )


async def check_open(site: Site) -> Finding:
    """Whether anybody who reaches the ResourceManager can run programs, as any user."""
    if site.settings.secure:
        return ok("the ResourceManager requires Kerberos")
    host = site.addresses[site.active].host
    if is_loopback(host):
        return ok(f"users are not authenticated, but only this machine can reach {host}")
    ways = [f"by RPC at {site.addresses[site.active]}"]
    if site.rules.get_bool("yarn.webapp.enable-rest-app-submissions", default=True):
        ways.append(f"as dr.who or any user with REST at {site.page}")
    return warning(
        "anyone who can reach the ResourceManager can run programs as any user, "
        f"{' and '.join(ways)}, since "
        "hadoop.security.authentication is simple",
        "turn on Kerberos; until then, only allow trusted hosts in the firewall, and set "
        "yarn.webapp.enable-rest-app-submissions to false",
    )
