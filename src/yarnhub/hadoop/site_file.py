"""The properties of a Hadoop site file and of the files it includes, in order.

A cluster's daemons read unusual files (elements in a value, an include within a fallback, nested
includes) in Java's way: this parser has the same states.

Source: org.apache.hadoop.conf.Configuration.Parser (Hadoop 3.4).
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    _ReadEntity = Callable[[str | None, str | None, str | None, str | None], int]

MAX_DEPTH = 20
"""Nested files."""
MAX_FILES = 1000
"""Files in total: some hundred are a lot, and their number could double at each depth."""
MAX_BYTES = 16 * 1024 * 1024
"""The total size of all files, and of their text with entities expanded."""
WEB_TIMEOUT = 10.0
"""Seconds for a file from a web server."""

JAVA_WHITE_SPACE = "".join(map(chr, range(33)))
"""The characters that Java's `trim` removes."""

_SCHEME = re.compile(r"(file|https?):", re.IGNORECASE)
_IS_FINAL = True
"""For expat: the end of the document."""
_LONGEST = 300
"""Characters of a path or URL in a message."""
_TEXT = frozenset({"name", "value", "final", "source", "tag"})
"""The elements whose text counts."""


class Property(NamedTuple):
    """One property of a file."""

    name: str
    value: str | None
    """None if it is empty or missing: then it sets nothing."""
    final: bool


def read_site_file(file: Path) -> list[Property]:
    """The properties of a file, with those of included files in their places.

    Raises:
        ConfigurationError: It is not XML, too large, or includes a missing file.
    """
    sources = _Sources(file)
    return _Parser(sources, sources.read(file), str(file), depth=0).parse()


class _Sources:
    """The files that a site file includes, and their size so far."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._files = 0
        self._bytes = 0

    def find(self, place: str) -> bytes | None:
        """The content of a path or URL; None if it does not exist.

        A relative path starts from the folder of the site file, also in an included file.

        Raises:
            ConfigurationError: It exists and cannot be read.
        """
        self._files += 1
        if self._files > MAX_FILES:
            raise ConfigurationError(f"{self.file} includes more than {MAX_FILES} files")
        return self._of_url(place) if _SCHEME.match(place) else self._of_file(place)

    def read(self, path: Path) -> bytes:
        """The content of an existing file.

        Raises:
            ConfigurationError: It cannot be read, or is too large.
        """
        try:
            content = read_regular(path, MAX_BYTES)
        except OSError as error:
            raise _unreadable(str(path), error) from error
        self.count(len(content))
        return content

    def count(self, size: int) -> None:
        """Count bytes that were read.

        Raises:
            ConfigurationError: There are too many.
        """
        self._bytes += size
        if self._bytes > MAX_BYTES:
            raise ConfigurationError(
                f"{self.file} is too large: with all that it includes the limit is {MAX_BYTES}"
                f" bytes"
            )

    def _of_url(self, url: str) -> bytes | None:
        if url.lower().startswith("file:"):
            return self._of_file(unquote(urlsplit(url).path))
        try:
            with urllib.request.urlopen(url, timeout=WEB_TIMEOUT) as answer:  # noqa: S310  # http
                content: bytes = answer.read(MAX_BYTES + 1)
        except urllib.error.HTTPError as error:
            raise ConfigurationError(
                f"{self.file} includes {_shown(url)}: HTTP {error.code}"
            ) from error
        except OSError:
            return None
        self.count(len(content))
        return content

    def _of_file(self, place: str) -> bytes | None:
        path = self.file.parent / place
        try:
            exists = path.exists()
        except OSError as error:  # its name is too long, for example
            raise _unreadable(str(path), error) from error
        return self.read(path) if exists else None


class _Parser:
    """One document. The names of the states are Java's."""

    def __init__(self, sources: _Sources, content: bytes, place: str, *, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ConfigurationError(f"{sources.file}: {_shown(place)} includes itself")
        self._sources = sources
        self._content = content
        self._place = place
        self._depth = depth
        self._found: list[Property] = []
        self._token: list[str] = []
        self._name: str | None = None
        self._value: str | None = None
        self._final = False
        self._include = ""
        self._fallback_allowed = False
        self._fallback_entered = False

    def parse(self) -> list[Property]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.ExternalEntityRefHandler = self._entity_of(parser)
        try:
            parser.Parse(self._content, _IS_FINAL)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise ConfigurationError(f"{_shown(self._place)} is not XML: {error}") from error
        return self._found

    def _entity_of(self, parser: expat.XMLParserType) -> _ReadEntity:
        """A handler that reads entities in other files."""

        def read(context: str | None, _: str | None, system: str | None, __: str | None) -> int:
            content = self._sources.find(system or "")
            if content is None:
                raise ConfigurationError(
                    f"{_shown(self._place)} refers to {_shown(system or '')}, which does not exist"
                )
            inner = parser.ExternalEntityParserCreate(context)
            inner.ExternalEntityRefHandler = self._entity_of(inner)
            inner.Parse(content, _IS_FINAL)
            return 1

        return read

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        values = {_local(name): value for name, value in attributes.items()}
        match _local(element):
            case "property":
                self._name, self._value = values.get("name"), values.get("value")
                self._final = values.get("final") == "true"
            case name if name in _TEXT:
                self._token.clear()
            case "include":
                self._start_include(values.get("href"))
            case "fallback":
                self._fallback_entered = True
            case _:
                pass

    def _text(self, text: str) -> None:
        self._sources.count(len(text))
        self._token.append(text)

    def _end(self, element: str) -> None:
        text = "".join(self._token)
        match _local(element):
            case "name":
                self._name = text.strip(JAVA_WHITE_SPACE) if text else self._name
            case "value":
                self._value = text or self._value
            case "final":
                self._final = text == "true"
            case "include":
                self._end_include()
            case "property":
                # A fallback is ignored unless an include failed.
                if self._name is not None and (
                    self._fallback_allowed or not self._fallback_entered
                ):
                    self._found.append(Property(self._name, self._value, self._final))
            case _:
                pass

    def _start_include(self, place: str | None) -> None:
        self._include = place or ""
        if place is None:
            return
        content = self._sources.find(place)
        if content is None:
            self._fallback_allowed = True
            return
        inner = _Parser(self._sources, content, place, depth=self._depth + 1)
        self._found += inner.parse()

    def _end_include(self) -> None:
        if self._fallback_allowed and not self._fallback_entered:
            raise ConfigurationError(
                f"{self._sources.file} includes {_shown(self._include)}, which does not exist, and "
                "has no xi:fallback for that; relative paths start from its folder, also in the "
                "files that it includes"
            )
        self._fallback_allowed = self._fallback_entered = False


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _shown(place: str) -> str:
    return place if len(place) <= _LONGEST else f"{place[:_LONGEST]}..."


def _unreadable(place: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{_shown(place)} cannot be read: {error.strerror}")
