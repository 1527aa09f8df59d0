"""The environment of this process, as skein's classes read it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.client.access.settings import Settings, config_folder
from yarnhub.client.application.container import CurrentContainer

if TYPE_CHECKING:
    from collections.abc import Mapping


chosen: dict[str, str] = {}
"""`config_dir`, if the process has chosen another than the environment says: tests do."""


def variables() -> Mapping[str, str]:
    """The variables as they are now."""
    return os.environ  # noqa: TID251  # the one place of this package


def current_container() -> CurrentContainer | None:
    """The container that this process runs in; None outside of one."""
    return CurrentContainer.from_environment(variables())


def settings(keytab: str | Path | None = None, principal: str | None = None) -> Settings:
    """Where the cluster is and who the user is: of the keytab, or of the ticket of `kinit`."""
    found = Settings.of_login(variables(), keytab, principal)
    return replace(found, config_folder=credentials_folder())


def credentials_folder() -> Path:
    """Where the user's credentials are kept."""
    return Path(chosen.get("config_dir") or config_folder(variables()))


def variable(name: str) -> str | None:
    """The value of a variable; None if it is not set or empty."""
    return variables().get(name) or None
