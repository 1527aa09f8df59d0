"""What a site configures for builds: indexes, mirrors, certificates, proxies, credentials."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.units import Seconds
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where programs of a build are, apart from those that yarnhub's own environment has."""
_HOUR = Seconds(3600)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NO_CREDENTIALS = (
    "without a user name or a password: other users could read them in the list of processes; "
    "write them into the file that `netrc` names"
)


def _hidden(pattern: str, expected: str) -> reading.Check[str]:
    """Accept text that matches; the error does not show it, because it may have a password."""

    def check(value: object) -> str:
        if not re.fullmatch(pattern, reading.text(value)):
            raise SpecError("", f"must be {expected}")
        return reading.text(value)

    return check


def _hidden_list(check: reading.Check[str]) -> reading.Check[tuple[str, ...]]:
    def check_all(value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            raise SpecError("", "must be a list")
        return reading.sequence(check)(value)

    return check_all


_url = _hidden(r"(https?|file)://[^\s@]+", f"an http, https or file URL, {_NO_CREDENTIALS}")
_link = _hidden(
    r"((https?|file)://[^\s@]+)|/[^\0\n]*", f"a URL or an absolute path, {_NO_CREDENTIALS}"
)
_channel_url = _hidden(
    r"(https?|file)://[^\s@?#]+", f"an http, https or file URL, {_NO_CREDENTIALS}"
)
_channel = _hidden(
    r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*|(https?|file)://[^\s@?#]+",
    f"the name or the URL of a channel, {_NO_CREDENTIALS}",
)
_absolute = reading.matching(r"/[^\0\n]*", "an absolute path")
_folder = reading.matching(r"/[^\0\n:]*", "an absolute path without ':'")
_proxy = _hidden(
    r"((https?|socks5h?)://)?[^\s/]+/?", "an http, https or socks5 URL, or a host and a port"
)


def _mirrors(value: object) -> Mapping[str, str]:
    """Accept URLs by URLs; no error shows one of them."""
    found = {}
    for key, url in reading.as_mapping(value).items():
        found[_channel_url(key)] = _channel_url(url)
    return MappingProxyType(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSite(reading.Element):
    """The site's configuration of builds.

    Attributes:
        index_url: The package index; empty for uv's default.
        extra_index_urls: Further indexes, which are searched first.
        find_links: Folders or pages with wheels.
        no_index: Use `find_links` only.
        python_list: The URL of a list of Pythons in uv's format, from which interpreters are
            installed; empty to copy a Python of the machine that builds.
        python_folders: Folders of programs, in which other Pythons of the machine that builds are
            searched before the usual ones.
        ca_file: The certificates of the authorities that sign the servers'; empty for the default.
        netrc: A file in the format of netrc with the credentials of servers. Only its owner can
            have access to it.
        https_proxy: The proxy for https: a URL, or a host and a port; with a login if it needs one.
            uv gets it as a variable, which other users cannot read.
        http_proxy: The proxy for http.
        no_proxy: Hosts without a proxy, separated by commas.
        uv_settings: A `uv.toml` with further settings of uv; empty for none.
        uv_settings_folders: Without `uv_settings`: what XDG_CONFIG_HOME and XDG_CONFIG_DIRS name.
            uv merges the settings of the user in the first one, of the machine in the others, and
            in /etc. Without folders, none of these apply.
        conda_channels: Names or URLs of channels for environments that name none.
        conda_channel_alias: The URL below which channels are that have only a name; empty for the
            usual one of conda-forge.
        conda_mirrors: URLs that replace the beginnings of URLs of conda packages and channels, also
            of those in a lock.
        conda_virtual_packages: Properties of the nodes that the machine that builds does not have,
            such as `__cuda: "12.4"`.
        cache: The folder of downloads and of copied interpreters; empty for a temporary one.
        step_timeout: Seconds for one step of a build.
        processes: How many processes compile; 0 for the number of processors.
    """

    index_url: str = ""
    extra_index_urls: Sequence[str] = ()
    find_links: Sequence[str] = ()
    no_index: bool = False
    python_list: str = ""
    python_folders: Sequence[str] = ()
    ca_file: str = ""
    netrc: str = ""
    https_proxy: str = field(default="", repr=False)
    http_proxy: str = field(default="", repr=False)
    no_proxy: str = ""
    uv_settings: str = ""
    uv_settings_folders: Sequence[str] = ()
    conda_channels: Sequence[str] = ()
    conda_channel_alias: str = ""
    conda_mirrors: Mapping[str, str] = field(default_factory=dict)
    conda_virtual_packages: Mapping[str, str] = field(default_factory=dict)
    cache: str = ""
    step_timeout: Seconds = _HOUR
    processes: int = 0

    checks: ClassVar[reading.Checks] = {
        "index_url": reading.optional(_url),
        "extra_index_urls": _hidden_list(_url),
        "find_links": _hidden_list(_link),
        "no_index": reading.flag,
        "python_list": reading.optional(_url),
        "python_folders": reading.sequence(_folder),
        "ca_file": reading.optional(_absolute),
        "netrc": reading.optional(_absolute),
        "https_proxy": reading.optional(_proxy),
        "http_proxy": reading.optional(_proxy),
        "no_proxy": reading.optional(reading.matching(r"[!-~ ]+", "names of hosts")),
        "uv_settings": reading.optional(_absolute),
        "uv_settings_folders": reading.sequence(_folder),
        "conda_channels": _hidden_list(_channel),
        "conda_channel_alias": reading.optional(_channel_url),
        "conda_mirrors": _mirrors,
        "conda_virtual_packages": reading.mapping(
            reading.matching(r"__[a-z0-9_]{1,60}", "the name of a virtual package, such as __cuda"),
            reading.matching(r"[A-Za-z0-9._]{1,60}(=[A-Za-z0-9._+]{1,60})?", "a version"),
        ),
        "cache": reading.optional(_absolute),
        "step_timeout": reading.duration(1),
        "processes": reading.integer(0, 1024),
    }

    def _check(self) -> None:
        if self.no_index and not self.find_links:
            raise SpecError("find_links", "is required with `no_index`")

    @property
    def index_options(self) -> tuple[str, ...]:
        """Options of `uv pip`."""
        merged = [] if self.uv_settings_folders else ["--no-config"]
        return (
            *(["--config-file", self.uv_settings] if self.uv_settings else merged),
            *(["--default-index", self.index_url] if self.index_url else []),
            *(part for url in self.extra_index_urls for part in ("--index", url)),
            *(part for url in self.find_links for part in ("--find-links", url)),
            *(["--no-index"] if self.no_index else []),
        )

    def variables(self, home: Path, cache: Path) -> dict[str, str]:
        """The environment of the programs of a build; nothing of this process's own is passed on.

        Args:
            home: Their home folder: no file of the builder's own home is read.
            cache: The cache of uv.
        """
        found = {
            "SSL_CERT_FILE": self.ca_file,
            "NETRC": self.netrc,
            "HTTPS_PROXY": self.https_proxy,
            "HTTP_PROXY": self.http_proxy,
            "NO_PROXY": self.no_proxy,
            "XDG_CONFIG_HOME": next(iter(self.uv_settings_folders), ""),
            "XDG_CONFIG_DIRS": ":".join(self.uv_settings_folders[1:]),
        }
        return {
            "PATH": ":".join([*self.python_folders, _PATH]),
            "HOME": str(home),
            "TMPDIR": str(home),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "UV_CACHE_DIR": str(cache),
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_INSTALLER_METADATA": "1",  # it has times and paths of the builder
            # The order of a set in a compiled constant would be another one in each process.
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            **{key: value for key, value in found.items() if value},
        }

    def check_files(self) -> None:
        """Check the files that it names. Blocks.

        Raises:
            ConfigurationError: One does not exist, or others have access to the credentials.
        """
        for key in ("ca_file", "netrc", "uv_settings"):
            path = getattr(self, key)
            if path and not Path(path).is_file():
                raise ConfigurationError(f"{key}: {path} does not exist")
        if not self.netrc:
            return
        status = Path(self.netrc).stat()
        if status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
            raise ConfigurationError(
                f"netrc: {self.netrc} has credentials: it must belong to the user who builds, with "
                "the permissions 600"
            )


def read_site_file(path: Path, **defaults: object) -> BuildSite:
    """Read the configuration of a site from a YAML or JSON file. Blocks.

    Args:
        path: The file.
        defaults: Values for keys that it does not have.

    Raises:
        SpecError: It is invalid; names the file and the key.
        ConfigurationError: It cannot be read.
    """
    from yarnhub.client.submit.spec_file import read_document  # not in containers

    try:
        with reading.at(path.name):
            given = reading.as_mapping(read_document(path))
            return BuildSite.from_dict({**defaults, **given})
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error


def site_of_variables(variables: Mapping[str, str]) -> dict[str, object]:
    """The part of a site's configuration that variables of the environment usually have."""
    found: dict[str, object] = {}
    for key, name in (
        ("ca_file", "SSL_CERT_FILE"),
        ("https_proxy", "HTTPS_PROXY"),
        ("http_proxy", "HTTP_PROXY"),
        ("no_proxy", "NO_PROXY"),
    ):
        value = variables.get(name) or variables.get(name.lower())
        if value:
            found[key] = value
    return found
