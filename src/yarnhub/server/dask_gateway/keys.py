"""The secrets of the service, drawn once and kept in its folder."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import read_regular, write_private

if TYPE_CHECKING:
    from pathlib import Path

NAME = "keys.json"
_MOST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The secrets of the service.

    Attributes:
        database: Encrypts what dask-gateway's database has of clusters' secrets.
        cookies: Encrypts the cookies of browsers.
        proxy: With which dask-gateway's proxy gets its routes.
    """

    database: str = field(repr=False)
    cookies: str = field(repr=False)
    proxy: str = field(repr=False)


def read_keys(folder: Path) -> Keys:
    """The secrets in a folder; new ones if it has none.

    Raises:
        ConfigurationError: They cannot be read or written.
    """
    path = folder / NAME
    try:
        if not path.exists():
            _draw(path)
        return Keys(**json.loads(read_regular(path, _MOST)))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{path} is damaged: {type(error).__name__}") from error


def _draw(path: Path) -> None:
    """Draw secrets, unless another process does so first: the proxy may start at the same time."""
    drawn = Keys(**{name: Fernet.generate_key().decode() for name in Keys.__slots__})
    own = path.with_name(f"{NAME}.{threading.get_native_id()}")
    write_private(own, json.dumps(asdict(drawn)).encode())
    try:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(own)
    finally:
        own.unlink()
