"""Parts of a specification as YARN's records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.spec.acls import ACLs
from yarnhub.spec.file import FileType
from yarnhub.yarn import launch
from yarnhub.yarn.records.launch import (
    ApplicationAccessType,
    LocalResource,
    LocalResourceType,
    LocalResourceVisibility,
)
from yarnhub.yarn.records.resources import Resource, ResourceInformation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.spec.file import File
    from yarnhub.spec.resources import Resources


def capability(resources: Resources) -> Resource:
    """The size of a container."""
    return Resource(
        memory=resources.memory,
        virtual_cores=resources.vcores,
        resource_value_map=tuple(
            ResourceInformation(key=name, value=amount)
            for name, amount in resources.resource_types.items()
            if amount
        ),
    )


def local_resources(files: Mapping[str, File]) -> dict[str, LocalResource]:
    """Staged files by destination name."""
    return {
        name: LocalResource(
            resource=launch.url(file.source),
            size=file.size,
            timestamp=file.timestamp,
            type=LocalResourceType.ARCHIVE
            if file.type is FileType.ARCHIVE
            else LocalResourceType.FILE,
            visibility=LocalResourceVisibility[file.visibility.name],
        )
        for name, file in files.items()
    }


def application_acls(acls: ACLs, viewer: str = "") -> dict[ApplicationAccessType, str]:
    """The ACLs of an application; empty if only the owner has access.

    Args:
        acls: The ACLs of the specification.
        viewer: Another user who may always view it; empty for none.
    """
    found = {}
    if acls.enable:
        found[ApplicationAccessType.VIEW_APP] = acls.view_acl
        found[ApplicationAccessType.MODIFY_APP] = acls.modify_acl
    if viewer:
        views = acls if acls.enable else ACLs()
        more = replace(views, view_users=tuple(dict.fromkeys((*views.view_users, viewer))))
        found[ApplicationAccessType.VIEW_APP] = more.view_acl
    return found
