"""Access to applications, and to a ResourceManager without authentication."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.integrations.doctor.deployment import is_loopback
from yarnhub.integrations.doctor.finding import ok, warning

if TYPE_CHECKING:
    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding


async def check_acls(deployment: Deployment) -> Finding:
    """Check that ACLs limit who can view and kill applications."""
    if deployment.rm_conf.get_bool("yarn.acl.enable", default=False):
        return ok(f"yarn.acl.enable is true (in {deployment.rm_source})")
    return warning(
        f"yarn.acl.enable is false (in {deployment.rm_source}): everyone can read the logs of all "
        "users' servers and kill them",
        "set it to true in yarn-site.xml, with yarn.admin.acl, and restart the ResourceManager",
    )


async def check_open(deployment: Deployment) -> Finding:
    """Check whether anyone who can reach the ResourceManager can run programs as any user."""
    if deployment.settings.secure:
        return ok("the ResourceManager requires Kerberos")
    host = deployment.addresses[deployment.active].host
    if is_loopback(host):
        return ok(f"users are not authenticated, but only this machine can reach {host}")
    ways = [f"by RPC at {deployment.addresses[deployment.active]}"]
    if deployment.rm_conf.get_bool("yarn.webapp.enable-rest-app-submissions", default=True):
        ways.append(f"as dr.who or any user with REST at {deployment.rm_url}")
    return warning(
        "anyone who can reach the ResourceManager can run programs as any user, "
        f"{' and '.join(ways)}, since "
        "hadoop.security.authentication is simple",
        "turn on Kerberos; until then, only allow trusted hosts in the firewall, and set "
        "yarn.webapp.enable-rest-app-submissions to false",
    )
