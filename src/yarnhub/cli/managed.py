"""A service that JupyterHub starts: its folder, and its end with the hub's."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, YarnhubError

if TYPE_CHECKING:
    import argparse

_PR_SET_PDEATHSIG = 1
"""Source: prctl(2)."""
_HUB = "YARNHUB_HUB_PID"
"""The variable with the hub's process, which `yarnspawner.add_services` sets."""
_CERTIFICATES = ("JUPYTERHUB_SSL_KEYFILE", "JUPYTERHUB_SSL_CERTFILE", "JUPYTERHUB_SSL_CLIENT_CA")
"""Paths from the hub, which are relative to its working directory by default."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add `--managed`."""
    parser.add_argument(
        "--managed",
        type=Path,
        metavar="DIR",
        help="for a hub that starts this command: use DIR as the working directory, which is "
        "created for this account only, and stop when the hub's process has ended",
    )


def prepare(arguments: argparse.Namespace) -> None:
    """Enter the folder of `--managed`, if it is given; other paths stay valid.

    This comes before imports that take seconds, in which the hub could end.

    Raises:
        ConfigurationError: It cannot be created, or other users have access to it.
        YarnhubError: The hub has ended.
    """
    folder: Path | None = arguments.managed
    if folder is None:
        return
    _end_with_hub()
    if arguments.config is not None:
        arguments.config = arguments.config.absolute()
    for name in _CERTIFICATES:
        if name in os.environ:
            os.environ[name] = str(Path(os.environ[name]).absolute())
    os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
            raise ConfigurationError(
                f"other users have access to {folder}: make it this account's, with mode 700"
            )
        os.chdir(folder)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be used: {error.strerror}") from error


def _end_with_hub() -> None:
    """Have Linux send SIGTERM when the hub has been killed; it stops its services otherwise.

    A service that keeps running has its port, so that the one of the next hub cannot start.

    Raises:
        YarnhubError: The hub has ended before, so that Linux sends nothing.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    hub = os.environ.pop(_HUB, "")
    if hub and hub != str(os.getppid()):
        raise YarnhubError("the hub that started this service has ended")
