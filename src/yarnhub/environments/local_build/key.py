"""The key of an environment: a hash of all that its content depends on. No I/O."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.environments.requirements import LockedPackage

FORMAT = 1
"""Raised when the same packages and the same interpreter are packed in another way."""


def environment_key(
    packages: Iterable[LockedPackage], interpreter: str, platform: str, glibc: str
) -> str:
    """The key, 64 hexadecimal digits; known as soon as there is a lock.

    The environment's name and who can use it are not a part of it, so that equal environments of
    different names share an archive.

    Args:
        packages: The lock.
        interpreter: The hash of the interpreter's tree.
        platform: The operating system, the architecture and the C library.
        glibc: Its version on the machine that builds, which selects the wheels of a package.
    """
    entries = sorted(
        [each.name, each.version, each.marker, *sorted(each.hashes)] for each in packages
    )
    content = {
        "format": FORMAT,
        "glibc": glibc,
        "interpreter": interpreter,
        "packages": entries,
        "platform": platform,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
