"""The process's environment, as skein's classes read it: they are what programs begin with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from yarnhub.client.container import CurrentContainer
from yarnhub.client.settings import Settings, config_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.hadoop.security.users import KerberosCredential


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
    return Settings.from_environment(variables(), credential)


def credentials_folder() -> Path:
    """Where the user's credentials are kept."""
    return config_folder(variables())
