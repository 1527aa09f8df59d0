"""Hadoop's `*-site.xml` files.

Source: org.apache.hadoop.conf.Configuration; DeprecatedProperties.md (Hadoop 3.4).
"""

from __future__ import annotations

import functools
import importlib.resources
import os
import pwd
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.foreign_text import quoted
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.site_file import JAVA_WHITE_SPACE, read_site_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

T = TypeVar("T")

FILES = ("core-site.xml", "hdfs-site.xml", "yarn-site.xml")
"""In the order in which they are read: a later value overrides an earlier one, unless that is
final."""

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
_MAX_SUBSTITUTIONS = 20
"""Variables in one value: Hadoop's own MAX_SUBST."""
_VARIABLE = re.compile(r"\$\{([^{}$ ]+)\}")
_ENVIRONMENT = re.compile(r"(.*?)(?:(:-|-)(.*))?", re.DOTALL)
_TIME = re.compile(r"(-?\d+)\s*(ns|us|ms|s|m|h|d)?$")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|\d+)$")


class Properties(Protocol):
    """The part of a `Configuration` that most of its readers need."""

    def get(self, key: str, /) -> str | None:
        """The value of a key; None if no file sets it."""
        ...

    def keys(self) -> Iterable[str]:
        """The keys that are set."""
        ...


def is_https_only(properties: Properties, part: str) -> bool:
    """Whether the web servers of `dfs` or of `yarn` use HTTPS only.

    Source: org.apache.hadoop.http.HttpConfig.Policy.fromString, which ignores case.
    """
    return (properties.get(f"{part}.http.policy") or "").upper() == "HTTPS_ONLY"


class _Entry(NamedTuple):
    value: str
    file: str


class Configuration:
    """A cluster's configuration, read once and never changed.

    Hadoop's own defaults (`*-default.xml`) only fill in variables, such as `${hadoop.tmp.dir}`:
    if a key is not set, the caller passes the default.

    Args:
        values: The values by key.
        environment: The variables for `${env.NAME}`.
    """

    def __init__(
        self, values: Mapping[str, str], environment: Mapping[str, str] | None = None
    ) -> None:
        self._entries = {
            _DEPRECATED.get(key, key): _Entry(value, "the values passed in")
            for key, value in values.items()
        }
        self._environment = dict(environment or {})

    @classmethod
    def load(
        cls,
        folder: str | Path,
        environment: Mapping[str, str] | None = None,
        files: Sequence[str] = FILES,
    ) -> Configuration:
        """Read the files of a configuration folder; any of them may be missing.

        Raises:
            ConfigurationError: The folder does not exist, or a file in it is invalid.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise ConfigurationError(
                f"the Hadoop configuration folder {folder} does not exist: set HADOOP_CONF_DIR"
            )
        loaded = cls({}, environment)
        final: set[str] = set()
        for name in files:
            if (folder / name).exists():
                loaded._read(folder / name, final)
        return loaded

    def _read(self, file: Path, final: set[str]) -> None:
        for name, value, is_final in read_site_file(file):
            key = _DEPRECATED.get(name, name)
            if value is not None and key not in final:
                self._entries[key] = _Entry(value, file.name)
            if is_final:
                final.add(key)

    # -- typed access

    def get(self, key: str, default: str | None = None) -> str | None:
        """A value without surrounding white space, as Hadoop reads almost every key."""
        value = self.raw(key)
        return default if value is None else value.strip(JAVA_WHITE_SPACE)

    def raw(self, key: str) -> str | None:
        """A value with its white space and with variables replaced; None if it is not set."""
        entry = self._entries.get(_DEPRECATED.get(key, key))
        return None if entry is None else self._substitute(entry)

    def keys(self) -> Iterable[str]:
        """The keys that are set, by their current names."""
        return self._entries.keys()

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
        """A time in seconds: a number followed by ns, us, ms, s, m, h or d.

        Args:
            key: The key.
            default: Seconds, if it is not set.
            unit: The unit of a number without one.
        """
        what = "a time such as 30s or 500ms"
        return self._typed(key, default, lambda text: _time(text, unit), what)

    def get_list(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The parts between commas; empty parts are dropped."""
        return self._typed(key, default, _split, "a list")

    def get_address(self, key: str, default_port: int, default: Address | None = None) -> Address:
        """`host:port`, or a host alone, which has the default port.

        Raises:
            ConfigurationError: It is not set and has no default, or it is not an address.
        """
        found = self._typed(
            key, default, lambda text: Address.parse(text, default_port), "host:port"
        )
        if found is None:
            raise ConfigurationError(f"{key} is not set")
        return found

    def _typed(self, key: str, default: T, read: Callable[[str], T], what: str) -> T:
        text = self.get(key)
        if not text:
            return default
        try:
            return read(text)
        except ValueError as error:
            file = self._entries[_DEPRECATED.get(key, key)].file
            raise ConfigurationError(f"{file}: {key} is {quoted(text)}: expected {what}") from error

    # -- variables

    def _substitute(self, entry: _Entry) -> str:
        """Replace variables, the innermost first.

        As in Hadoop, an undefined variable and those after it are left unchanged, and a variable
        that contains itself leaves the whole value unchanged.
        """
        text = entry.value
        for _ in range(_MAX_SUBSTITUTIONS):
            variable = _VARIABLE.search(text)
            value = variable and self._lookup(variable[1])
            if variable is None or value is None:
                return text
            if variable[0] in value:
                return entry.value
            text = text[: variable.start()] + value + text[variable.end() :]
        raise ConfigurationError(
            f"{entry.file}: {quoted(entry.value)} refers to itself, or to more than"
            f" {_MAX_SUBSTITUTIONS} variables"
        )

    def _lookup(self, name: str) -> str | None:
        found = self._environment_variable(name[4:]) if name.startswith("env.") else _java(name)
        if found is not None:
            return found
        name = _DEPRECATED.get(name, name)
        entry = self._entries.get(name)
        return _defaults().get(name) if entry is None else entry.value

    def _environment_variable(self, text: str) -> str | None:
        # As in a shell, `:-` also replaces an empty value.
        found = _ENVIRONMENT.fullmatch(text)
        assert found is not None  # it takes any text
        name, operator, default = found.groups("")
        value = self._environment.get(name)
        match operator:
            case ":-":
                return value or default
            case "-":
                return default if value is None else value
            case _:
                return value


def _java(name: str) -> str | None:
    """System properties of the JVM that configurations use."""
    match name:
        case "user.name" | "user.home":
            try:
                user = pwd.getpwuid(os.getuid())
            except KeyError:
                return None
            return user.pw_name if name == "user.name" else user.pw_dir
        case "java.io.tmpdir":
            return "/tmp"  # noqa: S108  # whatever TMPDIR says
        case _:
            return None


@functools.cache
def _defaults() -> Mapping[str, str]:
    """The keys that are not empty in Hadoop's `*-default.xml`."""
    resource = importlib.resources.files(__package__) / "defaults.txt"
    lines = resource.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


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
