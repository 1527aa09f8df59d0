"""What a build in a container is asked to do, as a file of its application. No I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from yarnhub.environments.specification import EnvironmentSpec
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.hadoop.conf import Properties

FILE = "build-request.json"
MAX_REQUEST = 16 << 20
"""Bytes of the file: a lock has 4 MiB at most."""
_NEEDED = re.compile(r"(fs|dfs|hadoop|yarnhub)\..*", re.DOTALL)
_SENSITIVE = re.compile(
    r"secret|password|passwd|credential|keystore|oauth|token\.file|account\.key|^fs\.(s3|azure|gs)",
    re.IGNORECASE,
)
"""More than `hadoop.security.sensitive-config-keys` of core-default.xml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest(reading.Element):
    """A build.

    Attributes:
        specification: The environment.
        root: The URL of the folder in which environments are published.
        user: The owner of the environment: the name in HDFS.
        hadoop: The part of the Hadoop configuration that names file systems, without secrets: a
            node can have another one, or none.
    """

    specification: EnvironmentSpec
    root: str
    user: str
    hadoop: Mapping[str, str] = field(default_factory=dict)

    checks: ClassVar[reading.Checks] = {
        "specification": EnvironmentSpec.read,
        "root": reading.filled,
        "user": reading.filled,
        "hadoop": reading.mapping(reading.filled, reading.text),
    }

    def dump(self) -> bytes:
        """The content of the file."""
        return json.dumps(self.to_dict()).encode()

    @classmethod
    def parse(cls, content: bytes) -> BuildRequest:
        """Read the file.

        Raises:
            SpecError: It is invalid.
        """
        return cls.from_json(content.decode(errors="replace"))


def file_system_properties(properties: Properties) -> dict[str, str]:
    """The part of a Hadoop configuration that names file systems, without secrets."""
    found = {key: properties.get(key) for key in sorted(properties.keys())}
    return {
        key: value
        for key, value in found.items()
        if value is not None and _NEEDED.fullmatch(key) and not _SENSITIVE.search(key)
    }
