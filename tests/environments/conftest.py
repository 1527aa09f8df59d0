"""Where the tests of environments build and publish: one cache for all, an HDFS for each."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from environments.local_build.conda.channel import CondaChannel, python_package
from environments.published.stores import store
from filesystem.fake_hdfs import FakeHdfs
from yarnhub.environments.local_build.copied_python import INTERPRETERS
from yarnhub.environments.local_build.programs import find_programs
from yarnhub.environments.local_build.python import installed, interpreter
from yarnhub.environments.local_build.site import BuildSite, site_of_variables
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.threads import Stop

if TYPE_CHECKING:
    from yarnhub.environments.published.store import EnvironmentStore


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of uv and of interpreters, with a copy of the Python of the tests."""
    folder = tmp_path_factory.mktemp("cache")
    interpreter.cached_tree(
        installed.examine(Path(sys.executable)),
        folder / INTERPRETERS,
        find_programs(),
        Stop(),
    )
    return folder


@pytest.fixture(scope="session")
def python_channel(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> CondaChannel:
    """A channel with a Python."""
    python = installed.examine(Path(sys.executable))
    tree = interpreter.cached_tree(python, cache / INTERPRETERS, find_programs(), Stop())
    channel = CondaChannel(tmp_path_factory.mktemp("python-channel"))
    python_package(channel, tree.folder, python.version)
    return channel


@pytest.fixture
def channel(tmp_path: Path, python_channel: CondaChannel) -> CondaChannel:
    """A channel with a Python, the only one of `site`."""
    found = CondaChannel(tmp_path / "channel")
    found.take(python_channel)
    return found


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder for wheels, the only index of `site`."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


@pytest.fixture
def site(wheels: Path, cache: Path) -> BuildSite:
    """A site without a network."""
    return BuildSite(find_links=[str(wheels)], no_index=True, cache=str(cache), processes=2)


@pytest.fixture(scope="session")
def index_site(cache: Path) -> BuildSite:
    """A site with the index that uv has on this machine."""
    found = site_of_variables(os.environ)  # noqa: TID251
    return BuildSite.from_dict({**found, "cache": str(cache)})


@pytest.fixture
async def hdfs(tmp_path: Path) -> FakeHdfs:
    """An HDFS with a root that an administrator has made."""
    folder = tmp_path / "contents"
    folder.mkdir()
    made = FakeHdfs(folder, {"carol": ["analysts"]})
    await made.user("hdfs").make_directory("/yarnhub", 0o755)
    await made.user("hdfs").make_directory(ROOT, 0o1777)
    return made


@pytest.fixture
def alice(hdfs: FakeHdfs) -> EnvironmentStore:
    return store(hdfs, "alice")


@pytest.fixture
def bob(hdfs: FakeHdfs) -> EnvironmentStore:
    return store(hdfs, "bob")
