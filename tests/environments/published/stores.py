"""Environments to publish, which are not built, and stores of several users to publish them in."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from typing import TYPE_CHECKING

from yarnhub.environments.local_build.environment import BuiltEnvironment
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.published.store import EnvironmentStore
from yarnhub.environments.specification import EnvironmentSpec

if TYPE_CHECKING:
    from pathlib import Path

    from filesystem.fake_hdfs import FakeHdfs
    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.environments.published.publication import StoreLimits

HASH = "sha256:" + "0" * 64


def spec(name: str = "table", **values: object) -> EnvironmentSpec:
    """A specification."""
    return EnvironmentSpec.from_dict({"name": name, "pip": ["first"], **values})


def packed(folder: Path, version: str = "1.0", size: int = 0) -> Path:
    """An archive of an environment that has only its version, and as many random bytes."""
    archive = folder / f"packed-{version}.tar.gz"
    names = {"bin/python3": b"", "version": version.encode(), "random": os.urandom(size)}
    with tarfile.open(archive, "w:gz", compresslevel=1) as made:
        for name, content in names.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            made.addfile(member, io.BytesIO(content))
    return archive


def built(
    folder: Path, *, version: str = "1.0", size: int = 1000, archive: Path | None = None
) -> BuiltEnvironment:
    """What a build returns; the version of its package decides its key."""
    if archive is None:
        archive = folder / f"built-{version}.tar.gz"
        archive.write_bytes(os.urandom(size))
    return BuiltEnvironment(
        key=hashlib.sha256(version.encode()).hexdigest(),
        archive=archive,
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        size=archive.stat().st_size,
        files=3,
        lock=f"first=={version} \\\n    --hash={HASH}\n",
        python="3.12.1",
        platform="linux-x86_64-gnu",
        glibc="2.36",
        problems=(),
    )


def store(hdfs: FakeHdfs, user: str, limits: StoreLimits | None = None) -> EnvironmentStore:
    """The store as a user sees it."""
    return EnvironmentStore(hdfs.user(user), user=user, limits=limits)


async def names(found: EnvironmentStore) -> list[str]:
    return [f"{each.owner}/{each.name}" for each in await found.find_all()]


def numbers(environment: PublishedEnvironment) -> list[int]:
    return [each.number for each in environment.versions]


def left_in_root(hdfs: FakeHdfs) -> list[str]:
    """Folders that are not environments."""
    return [name for name in hdfs.node(ROOT).children if name.startswith(".")]
