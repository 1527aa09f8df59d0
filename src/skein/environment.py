"""The process's environment, as skein's classes read it: they are what programs begin with."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.client.access.settings import Settings, config_folder
from yarnhub.client.application.container import CurrentContainer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.hadoop.security.users import KerberosCredential


chosen: dict[str, str] = {}
"""`config_dir`, if the process has chosen another than the environment says: tests do."""


def variables() -> Mapping[str, str]:
    """The variables as they are now."""
    return os.environ  # noqa: TID251  # the one place of this package


def current_container() -> CurrentContainer | None:
    """The container that this process runs in; None outside of one."""
    return CurrentContainer.from_environment(variables())


def settings(credential: KerberosCredential | None = None) -> Settings:
    """Where the cluster is and who the user is.

    Args:
        credential: Whom to log in as; None takes the ticket of `kinit`.
    """
    found = Settings.from_environment(variables(), credential)
    return replace(found, config_folder=credentials_folder())


def credentials_folder() -> Path:
    """Where the user's credentials are kept."""
    return Path(chosen.get("config_dir") or config_folder(variables()))
