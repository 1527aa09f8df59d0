"""When a service's container is ready for dependent services."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.spec import _reading as read

_PLACEHOLDERS = ("{instance}", "{container_id}")


def _key(value: object) -> str:
    key = read.filled(value)
    for found in re.findall(r"\{[^{}]*\}?", key):
        if found not in _PLACEHOLDERS:
            raise SpecError("", f"{found!r} is not one of {' and '.join(_PLACEHOLDERS)}")
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness(read.Element):
    """When a container is ready: exactly one of these.

    Attributes:
        key: When this key is set in the key-value store; `{instance}` in it is the container's
            number, and `{container_id}` its name, such as `worker_3`.
        port: When this TCP port of its node accepts connections.
    """

    key: str | None = None
    port: int | None = None

    checks: ClassVar[read.Checks] = {"key": _key, "port": read.integer(1, 65535)}

    def _check(self) -> None:
        if (self.key is None) == (self.port is None):
            raise SpecError("", "give exactly one of `key` and `port`")

    def key_of(self, container_id: str) -> str:
        """The key that makes a container, such as `worker_3`, ready; empty without one."""
        number = container_id.rpartition("_")[2]
        key = self.key or ""
        # Not str.format: it would read the braces of other keys.
        return key.replace("{instance}", number).replace("{container_id}", container_id)
