"""A site with a channel of conda packages in a folder, and no network."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from environments.local_build.conda.channel import CondaChannel
    from yarnhub.environments.local_build.site import BuildSite


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "builds"
    found.mkdir()
    return found


@pytest.fixture
def conda_site(site: BuildSite, channel: CondaChannel) -> BuildSite:
    """A site without a network, with one channel."""
    return dataclasses.replace(site, conda_channels=[channel.url])
