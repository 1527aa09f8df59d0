"""Hadoop's `*-site.xml` files.

Source: org.apache.hadoop.conf.Configuration; DeprecatedProperties.md (Hadoop 3.4).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # see _parse: no DOCTYPE, so no entities
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.address import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

FILES = ("core-site.xml", "hdfs-site.xml", "yarn-site.xml")
"""In the order in which they are read: what a later one says holds, unless it is final."""

_DEPRECATED = {
    "dfs.federation.nameservices": "dfs.nameservices",
    "dfs.http.address": "dfs.namenode.http-address",
    "dfs.https.address": "dfs.namenode.https-address",
    "dfs.umask": "fs.permissions.umask-mode",
    "dfs.umaskmode": "fs.permissions.umask-mode",
    "fs.default.name": "fs.defaultFS",
    "hadoop.native.lib": "io.native.lib.available",
    "yarn.resourcemanager.am.max-retries": "yarn.resourcemanager.am.max-attempts",
    "yarn.resourcemanager.max-completed-applications": (
        "yarn.resourcemanager.state-store.max-completed-applications"
    ),
}
_INCLUDE = "{http://www.w3.org/2001/XInclude}"
_MAX_DEPTH = 20
"""Substitutions and inclusions within each other: Hadoop's own MAX_SUBST."""
_VARIABLE = re.compile(r"\$\{([^{}$\s]+)\}")
_TIME = re.compile(r"(-?\d+)\s*(ns|us|ms|s|m|h|d)?$")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|\d+)$")


class _Entry(NamedTuple):
    value: str
    file: str
    final: bool


class Configuration:
    """What a cluster's configuration files say; read once, never changed.

    Hadoop's own defaults (`*-default.xml`) are inside its jars: where a key is not set, the
    caller gives the default.

    Args:
        values: The keys and what they are set to.
        environment: What `${env.NAME}` and `${user.name}` stand for.
    """

    def __init__(
        self, values: Mapping[str, str], environment: Mapping[str, str] | None = None
    ) -> None:
        self._entries: dict[str, _Entry] = {}
        self._environment = dict(environment or {})
        for key, value in values.items():
            self._add(key, _Entry(value, "the given values", final=False))

    @classmethod
    def load(
        cls, folder: str | Path, environment: Mapping[str, str] | None = None
    ) -> Configuration:
        """Read the files of a configuration folder; any of them may be missing.

        Raises:
            ConfigurationError: There is no such folder, or a file in it is not as it should be.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise ConfigurationError(
                f"there is no Hadoop configuration folder {folder}: point HADOOP_CONF_DIR to it"
            )
        loaded = cls({}, environment)
        for name in FILES:
            if (folder / name).is_file():
                loaded._read(folder / name, 0)  # its own class
        return loaded

    # -- typed access

    def get(self, key: str, default: str | None = None) -> str | None:
        """A value with its variables filled in; a variable that is not set stays as it is."""
        entry = self._entries.get(_DEPRECATED.get(key, key))
        return default if entry is None else self._substitute(entry.value, entry)

    def get_int(self, key: str, default: int) -> int:
        """A whole number, decimal or with 0x hexadecimal."""
        return self._typed(key, default, _integer, "a whole number")

    def get_float(self, key: str, default: float) -> float:
        """A number."""
        return self._typed(key, default, float, "a number")

    def get_bool(self, key: str, default: bool) -> bool:  # noqa: FBT001  # as the other getters
        """`true` or `false`."""
        return self._typed(key, default, _boolean, "true or false")

    def get_seconds(self, key: str, default: float, *, unit: str = "ms") -> float:
        """A time, in seconds: a number with ns, us, ms, s, m, h or d behind it.

        Args:
            key: The key.
            default: Seconds, where it is not set.
            unit: What a number alone means for this key.
        """
        what = "a time such as 30s or 500ms"
        return self._typed(key, default, lambda text: _time(text, unit), what)

    def get_list(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """What stands between the commas; empty parts are left out."""
        return self._typed(key, default, _split, "a list")

    def get_address(self, key: str, default_port: int, default: Address | None = None) -> Address:
        """`host:port`, or a host alone, which has the default port.

        Raises:
            ConfigurationError: It is not set and there is no default, or it is not an address.
        """
        found = self._typed(
            key, default, lambda text: Address.parse(text, default_port), "host:port"
        )
        if found is None:
            raise ConfigurationError(f"{key} is not set")
        return found

    def principal(self, key: str, host: str) -> str | None:
        """A Kerberos principal with `_HOST` replaced by a host; None where it is not set."""
        value = self.get(key)
        return value.replace("_HOST", host.lower()) if value else None

    def _typed(self, key: str, default: T, read: Callable[[str], T], what: str) -> T:
        text = self.get(key)
        if not text:
            return default
        try:
            return read(text)
        except ValueError as error:
            file = self._entries[_DEPRECATED.get(key, key)].file
            raise ConfigurationError(f"{file}: {key} is {text!r}: expected {what}") from error

    # -- variables

    def _substitute(self, text: str, entry: _Entry) -> str:
        for _ in range(_MAX_DEPTH):
            filled = _VARIABLE.sub(self._lookup, text)
            if filled == text:
                return text
            text = filled
        raise ConfigurationError(f"{entry.file}: {entry.value!r} refers to itself")

    def _lookup(self, match: re.Match[str]) -> str:
        name: str = match[1]
        if name.startswith("env."):
            # As in a shell: `:-` also replaces what is set and empty.
            variable, colon, default = name[4:].partition(":-")
            if not colon:
                variable, dash, default = name[4:].partition("-")
                found = self._environment.get(variable)
                return found if found is not None else default if dash else match[0]
            return self._environment.get(variable) or default
        if name == "user.name" and "USER" in self._environment:
            return self._environment["USER"]
        entry = self._entries.get(_DEPRECATED.get(name, name))
        return match[0] if entry is None else entry.value

    # -- files

    def _add(self, key: str, entry: _Entry) -> None:
        key = _DEPRECATED.get(key, key)
        known = self._entries.get(key)
        if known is None or not known.final:
            self._entries[key] = entry

    def _read(self, file: Path, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ConfigurationError(f"{file} includes itself")
        root = _parse(file)
        if root.tag != "configuration":
            raise ConfigurationError(f"{file}: expected <configuration>, found <{root.tag}>")
        for element in root:
            if element.tag == f"{_INCLUDE}include":
                self._include(element, file, depth)
            elif element.tag == "property":
                self._read_property(element, file)

    def _include(self, element: ET.Element, file: Path, depth: int) -> None:
        href = element.get("href", "")
        if not href or ":" in href:
            raise ConfigurationError(f"{file}: only a file beside it can be included, not {href!r}")
        included = file.parent / href
        if included.is_file():
            self._read(included, depth + 1)
        elif element.find(f"{_INCLUDE}fallback") is None:
            raise ConfigurationError(f"{file} includes {included}, which is not there")

    def _read_property(self, element: ET.Element, file: Path) -> None:
        # Both forms are Hadoop's: <name>k</name><value>v</value>, and attributes.
        said = {**element.attrib, **{child.tag: child.text or "" for child in element}}
        name = said.get("name", "").strip()
        if not name:
            raise ConfigurationError(f"{file}: a property has no name")
        if "value" in said:
            final = said.get("final", "").strip().lower() == "true"
            self._add(name, _Entry(said["value"].strip(), file.name, final))


def _parse(file: Path) -> ET.Element:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    # Entities can be made to fill all memory, and need a DOCTYPE; no Hadoop file has one. NUL
    # bytes mean a wide encoding, in which it could hide.
    if b"<!DOCTYPE" in content or b"\0" in content:
        raise ConfigurationError(f"{file}: a DOCTYPE or a wide encoding is not accepted")
    try:
        return ET.fromstring(content)  # noqa: S314  # see above
    except ET.ParseError as error:
        raise ConfigurationError(f"{file} is not XML: {error}") from error


def _integer(text: str) -> int:
    if not _NUMBER.match(text):
        raise ValueError(text)
    return int(text, 16 if "x" in text.lower() else 10)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _time(text: str, unit: str) -> float:
    match = _TIME.match(text.lower())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * _SECONDS[match[2] or unit]


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in map(str.strip, text.split(",")) if part)
