"""The cache of builds belongs to the user who builds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from environments.wheels import wheel
from yarnhub.base.errors import ConfigurationError
from yarnhub.environments.local_build.cache import prepare_cache
from yarnhub.environments.local_build.environment import build
from yarnhub.environments.local_build.site import BuildSite
from yarnhub.environments.specification import EnvironmentSpec

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_one_is_private(tmp_path: Path) -> None:
    prepare_cache(tmp_path / "new" / "cache")
    assert (tmp_path / "new" / "cache").stat().st_mode & 0o777 == 0o700
    prepare_cache(tmp_path / "new" / "cache")


@pytest.mark.parametrize("mode", [0o770, 0o720, 0o777, 0o702, 0o1777])
def test_one_that_others_can_write_is_refused(mode: int, tmp_path: Path) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"{tmp_path} can be .*`chmod 700 {tmp_path}`"):
        prepare_cache(tmp_path)


def test_one_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises(
        ConfigurationError, match=f"{tmp_path} belongs to the user .* another `cache`"
    ):
        prepare_cache(tmp_path)


def test_one_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=f"{tmp_path}/file cannot be used: .*"):
        prepare_cache(tmp_path / "file")


async def test_a_build_uses_no_cache_that_others_can_write(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    (tmp_path / "wheels").mkdir()
    wheel(tmp_path / "wheels", "first")
    site = BuildSite(
        find_links=[str(tmp_path / "wheels")], no_index=True, cache=str(tmp_path / "cache")
    )
    specification = EnvironmentSpec.from_dict({"name": "table", "pip": ["first"]})
    with pytest.raises(ConfigurationError, match="can be written by other users"):
        await build(specification, site, tmp_path, lambda _: None)
    assert [*(tmp_path / "cache").iterdir()] == []
