"""The home folder of a user's processes in a container."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.home_folder import home_folder

if TYPE_CHECKING:
    import pytest


def test_home_is_the_users_own_or_the_containers(tmp_path: Path) -> None:
    account = pwd.getpwuid(os.getuid())
    assert home_folder(account.pw_name, tmp_path) == Path(account.pw_dir)
    assert home_folder("somebody-else", tmp_path) == tmp_path  # all containers run as one OS user


def test_a_user_without_an_account_has_the_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 2)
    assert home_folder(name, tmp_path) == tmp_path
