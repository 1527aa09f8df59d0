"""What a NodeManager needs to start a container.

Source: yarn_protos.proto.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.hadoop.codec import mapping, proto, repeated
from yarnhub.hadoop.scalars import BYTES, INT32, INT64, STRING


class LocalResourceType(enum.IntEnum):
    """Whether the NodeManager unpacks what it localizes."""

    ARCHIVE = 1
    FILE = 2
    PATTERN = 3


class LocalResourceVisibility(enum.IntEnum):
    """Who shares the localized copy on a node."""

    PUBLIC = 1
    PRIVATE = 2
    APPLICATION = 3


class ApplicationAccessType(enum.IntEnum):
    """What an application's ACL grants."""

    VIEW_APP = 1
    MODIFY_APP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class URL:
    """The location of a local resource."""

    scheme: str | None = proto(1, STRING, None)
    host: str | None = proto(2, STRING, None)
    port: int | None = proto(3, INT32, None)
    file: str | None = proto(4, STRING, None)
    user_info: str | None = proto(5, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalResource:
    """A file to localize; `size` (bytes) and `timestamp` (ms) must equal the file system's."""

    resource: URL | None = proto(1, URL, None)
    size: int | None = proto(2, INT64, None)
    timestamp: int | None = proto(3, INT64, None)
    type: LocalResourceType | None = proto(4, LocalResourceType, None)
    visibility: LocalResourceVisibility | None = proto(5, LocalResourceVisibility, None)
    pattern: str | None = proto(6, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLaunchContext:
    """Files, token file, environment and command of a container.

    The NodeManager puts environment and command into a bash script without escaping them:
    `yarnhub.yarn.launch` does that. `tokens` is a token file's bytes (HDTS).
    """

    local_resources: dict[str, LocalResource] = mapping(1, STRING, LocalResource)
    tokens: bytes | None = proto(2, BYTES, None, secret=True)
    service_data: dict[str, bytes] = mapping(3, STRING, BYTES)
    environment: dict[str, str] = mapping(4, STRING, STRING)
    command: tuple[str, ...] = repeated(5, STRING)
    application_acls: dict[ApplicationAccessType, str] = mapping(6, ApplicationAccessType, STRING)
