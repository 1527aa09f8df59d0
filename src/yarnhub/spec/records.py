"""Parts of a specification as YARN's records."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    from yarnhub.spec.acls import ACLs
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


def application_acls(acls: ACLs) -> dict[ApplicationAccessType, str]:
    """Who may see and who may change an application; nothing where ACLs are not wanted."""
    if not acls.enable:
        return {}
    return {
        ApplicationAccessType.VIEW_APP: acls.view_acl,
        ApplicationAccessType.MODIFY_APP: acls.modify_acl,
    }
