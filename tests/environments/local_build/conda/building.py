"""What the tests of builds of conda packages have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.environments.errors import BuildError
from yarnhub.environments.local_build.environment import build
from yarnhub.environments.specification import Conda, EnvironmentSpec

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.environments.local_build.environment import BuiltEnvironment
    from yarnhub.environments.local_build.site import BuildSite


def spec(*packages: str, pip: list[str] | None = None, **others: str) -> EnvironmentSpec:
    conda = {"packages": list(packages)}
    return EnvironmentSpec.from_dict({"name": "x", "conda": conda, "pip": pip or [], **others})


def locked(lock: str) -> EnvironmentSpec:
    return EnvironmentSpec(name="x", conda=Conda(lock=lock))


async def built(specification: EnvironmentSpec, site: BuildSite, folder: Path) -> BuiltEnvironment:
    return await build(specification, site, folder, lambda _: None)


async def failure(specification: EnvironmentSpec, site: BuildSite, folder: Path) -> BuildError:
    """The error of a build that leaves nothing in its folder."""
    with pytest.raises(BuildError) as caught:
        await built(specification, site, folder)
    assert [*folder.iterdir()] == []
    return caught.value


async def conda_lock(specification: EnvironmentSpec, site: BuildSite, folder: Path) -> str:
    """The lock of an environment that is not installed."""

    async def exists(key: str) -> bool:
        return True

    found = await build(specification, site, folder, lambda _: None, exists=exists)
    assert (found.archive, [*folder.iterdir()]) == (None, [])
    return found.conda_lock
