"""The difference of two versions of an environment. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.environments.published.manifest import VersionManifest


@dataclass(frozen=True, slots=True)
class Difference:
    """What has changed from one version to another.

    Attributes:
        added: Packages that only the new one has, with their versions.
        removed: Packages that only the old one has, with their versions.
        changed: The old and the new versions of packages.
        python: The old and the new version of Python; None if it is the same.
        platform: The old and the new platform; None if it is the same.
        size: The bytes of the new archive minus those of the old one.
        same: Whether both have the same key, so that nothing can differ.
    """

    added: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]
    python: tuple[str, str] | None
    platform: tuple[str, str] | None
    size: int
    same: bool


def difference(old: VersionManifest, new: VersionManifest) -> Difference:
    """What has changed between two versions."""
    before, after = old.packages, new.packages
    return Difference(
        added={name: after[name] for name in sorted(after.keys() - before.keys())},
        removed={name: before[name] for name in sorted(before.keys() - after.keys())},
        changed={
            name: (before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        },
        python=_pair(old.python, new.python),
        platform=_pair(old.platform, new.platform),
        size=new.size - old.size,
        same=old.key == new.key,
    )


def _pair(old: str, new: str) -> tuple[str, str] | None:
    return (old, new) if old != new else None
