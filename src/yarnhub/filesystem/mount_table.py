"""ViewFS: a tree of links to other file systems, from the Hadoop configuration.

Source: org.apache.hadoop.fs.viewfs.{InodeTree,ConfigUtil,Constants} (Hadoop 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.paths import located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.hadoop.conf import Properties

SCHEME = "viewfs"
_PREFIX = "fs.viewfs.mounttable."


@dataclass(frozen=True, slots=True)
class MountTable:
    """The mount table of one ViewFS.

    Attributes:
        uri: `viewfs://` and its name.
        links: The URLs of links, by path.
        home: The folder of home directories.
        others: The targets of links to several file systems, or by a pattern: used only for tokens.
    """

    uri: str
    links: Mapping[str, str]
    home: str
    others: tuple[str, ...] = ()

    @classmethod
    def read(cls, url: str, properties: Properties) -> MountTable:
        """The mount table of a `viewfs://` URL.

        Raises:
            ConfigurationError: It is not configured.
        """
        location = located(url, properties)
        name = location.authority if location is not None else ""
        name = name or properties.get(f"{_PREFIX}default.name.key") or "default"
        prefix = f"{_PREFIX}{name}."
        links, others = {}, []
        for key in properties.keys():  # noqa: SIM118  # it is not a mapping
            kind, _, path = key.removeprefix(prefix).partition(".")
            value = properties.get(key)
            if not key.startswith(prefix) or not value:
                continue
            if kind == "link":
                links[path.rstrip("/") or "/"] = value
            elif kind in ("linkFallback", "linkMergeSlash"):
                links["/"] = value
            elif kind in ("linkNfly", "linkMerge", "linkRegx"):
                others += [each.strip() for each in value.split(",")]
        if not links and not others:
            raise ConfigurationError(
                f"{url}: no {prefix}link.* is configured: the mount table must be in a site file,"
                f" or in one that it includes"
            )
        home = properties.get(f"{prefix}homedir") or "/user"
        return cls(f"{SCHEME}://{name}", links, home.rstrip("/") or "/", tuple(others))

    @property
    def targets(self) -> tuple[str, ...]:
        """The URLs of all links."""
        return (*self.links.values(), *self.others)

    def target(self, path: str) -> str:
        """The URL of an absolute, normalized path.

        Raises:
            ConfigurationError: No link matches.
        """
        at = path
        while at not in self.links:
            if at == "/":
                raise ConfigurationError(f"{self.uri}{path}: no link of the mount table matches")
            at = at.rpartition("/")[0] or "/"
        rest = path[len(at) :] if at != "/" else path
        return f"{self.links[at].rstrip('/')}/{rest.lstrip('/')}".removesuffix("/") or "/"
