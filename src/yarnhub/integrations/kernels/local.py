"""Kernels whose ApplicationMasters run in the Jupyter server's own process: the default."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from yarnhub.client.access.settings import Settings
from yarnhub.kernels.local_holder import LocalKernelHolder

if TYPE_CHECKING:
    from pathlib import Path


def hold(folder: Path) -> LocalKernelHolder:
    """The holder for `YarnhubKernelManager.holder_factory`.

    Args:
        folder: The directory of this server.

    Raises:
        YarnhubError: The Hadoop configuration or the login is missing or invalid.
    """
    settings = Settings.from_environment(os.environ)  # noqa: TID251  # the server's configuration
    return LocalKernelHolder(settings, folder=folder / "holder", host=socket.getfqdn())
