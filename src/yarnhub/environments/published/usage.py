"""The applications that use an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.client.filters import ACTIVE_STATES
from yarnhub.environments.specification import Access
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.yarn.resource_manager import ResourceManager


def tag(key: str) -> str:
    """The tag of applications that use an environment with a key.

    YARN compares whole tags.

    Source: org.apache.hadoop.yarn.server.resourcemanager.ClientRMService.getApplications.
    """
    return f"yarnhub-env:{key}"


async def applications_using(
    environment: PublishedEnvironment, resource_manager: ResourceManager
) -> tuple[str, ...]:
    """The applications that have not ended and use a version of an own environment.

    They are recognized by a tag. Others have access to an environment only if it is shared:
    applications with the same tag use their own copies otherwise. Cancelling leaves nothing behind.

    Returns:
        Words for a message: the applications' ids and users.
    """
    request = GetApplicationsRequest(
        application_tags=tuple({tag(each.manifest.key) for each in environment.versions}),
        application_states=ACTIVE_STATES,
    )
    found = await resource_manager.get_applications(request)
    shared = environment.access != Access()
    return tuple(
        sorted(
            f"{each.application_id} of {each.user}"
            for each in found
            if shared or each.user == environment.owner
        )
    )
