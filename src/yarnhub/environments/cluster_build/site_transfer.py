"""A site's configuration of builds, on its way to a container.

What can have credentials are secrets, which only the container's user can read: the configuration
itself, because of proxies, and the files with credentials or settings of uv. Folders of wheels, and
Pythons, are searched on the node.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import read_regular, write_private
from yarnhub.environments.local_build.site import BuildSite

if TYPE_CHECKING:
    from collections.abc import Mapping

CA_FILE = "build-ca.pem"
"""The file with certificates in the container."""
MAX_SECRET = 64 << 10
"""Bytes of a secret: the ResourceManager keeps them as long as the application runs."""
_SITE, _NETRC, _UV = "build-site", "build-netrc", "build-uv-settings"
_UV_FOLDER = "build-uv-folder-"
_MAX_FOLDERS = 8


@dataclass(frozen=True, slots=True)
class TravellingSite:
    """A site's configuration for a container.

    Attributes:
        secrets: Secrets by name; their values are in no representation.
        files: Files by their names in the container.
    """

    secrets: Mapping[str, bytes] = field(repr=False)
    files: Mapping[str, Path]


def packed_site(site: BuildSite) -> TravellingSite:
    """Read what a container needs. Blocks.

    Raises:
        ConfigurationError: A file cannot be read, or is too large.
    """
    site.check_files()
    secrets = {}
    if site.netrc:
        secrets[_NETRC] = _content(Path(site.netrc))
    if site.uv_settings:
        secrets[_UV] = _content(Path(site.uv_settings))
    if not site.uv_settings:
        # As uv does: the first one is the user's; of the others, the first one with a file.
        for number, folder in enumerate(site.uv_settings_folders[:_MAX_FOLDERS]):
            path = Path(folder, "uv", "uv.toml")
            if path.is_file():
                secrets[f"{_UV_FOLDER}{number}"] = _content(path)
    secrets[_SITE] = json.dumps(site.to_dict()).encode()
    if len(secrets[_SITE]) > MAX_SECRET:
        raise ConfigurationError(f"the site's configuration has more than {MAX_SECRET} bytes")
    return TravellingSite(secrets, {CA_FILE: Path(site.ca_file)} if site.ca_file else {})


def unpacked_site(secrets: Mapping[str, bytes], files: Path, folder: Path) -> BuildSite:
    """The configuration in a container. Blocks.

    Args:
        secrets: The secrets of the container.
        files: The folder with the container's files.
        folder: A folder that only this user can enter, for its files and the cache.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        site = BuildSite.from_dict(json.loads(secrets[_SITE]))
    except (KeyError, ValueError) as error:
        raise ConfigurationError("the container has no configuration of builds") from error
    for name in (_NETRC, _UV):
        if name in secrets:
            write_private(folder / name, secrets[name])
    folders = []
    for number in range(min(len(site.uv_settings_folders), _MAX_FOLDERS)):
        where = folder / f"{_UV_FOLDER}{number}"
        (where / "uv").mkdir(parents=True)
        if where.name in secrets:
            write_private(where / "uv" / "uv.toml", secrets[where.name])
        folders.append(str(where))
    return replace(
        site,
        ca_file=str(files / CA_FILE) if site.ca_file else "",
        uv_settings_folders=tuple(folders),
        cache=str(folder / "cache"),
        netrc=str(folder / _NETRC) if site.netrc else "",
        uv_settings=str(folder / _UV) if site.uv_settings else "",
    )


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_SECRET)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
