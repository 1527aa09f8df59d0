"""The folder of the container in which this process runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.client.access.credentials import CERTIFICATE_FILE, KEY_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

_SKEINS_PAIR = f".{CERTIFICATE_FILE}", f".{KEY_FILE}"
"""The certificate and key in containers that skein 0.8 started."""
_FILES = "container_tokens", _SKEINS_PAIR[0]
"""YARN creates a folder for a container on each disk, and puts files into one of them."""


def container_folder(variables: Mapping[str, str]) -> Path | None:
    """The folder of the container that these environment variables describe; None outside one."""
    container = variables.get("CONTAINER_ID")
    if not container:
        return None
    for disk in filter(None, variables.get("LOCAL_DIRS", "").split(",")):
        folder = Path(disk) / container
        if any((folder / name).exists() for name in _FILES):
            return folder
    return None


def skeins_pair(variables: Mapping[str, str]) -> tuple[Path, Path] | None:
    """The files of the certificate and key that skein 0.8 put into the container; None if none."""
    folder = container_folder(variables)
    if folder is None:
        return None
    certificate, key = (folder / name for name in _SKEINS_PAIR)
    return (certificate, key) if certificate.exists() and key.exists() else None
