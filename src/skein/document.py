"""What skein's specification classes have in common: they can be changed, and are documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError
from yarnhub.spec import _reading as read

if TYPE_CHECKING:
    from typing import Self

_FORMATS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


class Document(read.Element):
    """A part of a specification that can be changed.

    What is assigned to a field is checked at once. What is changed inside of one, such as
    `service.env["A"] = 1`, is checked with the whole at submission.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def _fill(self, **values: object) -> None:
        """What constructors do; a None counts as if it were not given."""
        given = {name: value for name, value in values.items() if value is not None}
        super().__init__(**given)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.checks:
            object.__setattr__(self, name, _thawed(getattr(self, name)))

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self.checks:
            raise AttributeError(f"a {type(self).__name__} has no field {name!r}")
        defaults = {field.name: field.default for field in fields(self)}
        if value is not None or defaults[name] is not None:
            with read.at(name):
                value = self.checks[name](value)
        object.__setattr__(self, name, _thawed(value))

    def __reduce__(self) -> tuple[object, ...]:
        # Not Element's: the values are arguments here, so that a deep copy copies them too.
        return _rebuild, (type(self), {name: getattr(self, name) for name in self.checks})

    @classmethod
    def read(cls, value: object) -> Self:
        """Take an object of this class as it is, and anything else as a document."""
        if isinstance(value, read.Element) and not isinstance(value, cls):
            return cls.from_dict(value.to_dict(secrets=True))
        return super().read(value)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a document in JSON.

        Raises:
            SpecError: Something in it is wrong.
        """
        return cls._parse(text, "json")

    @classmethod
    def from_yaml(cls, text: str | bytes) -> Self:
        """Read a document in YAML.

        Raises:
            SpecError: Something in it is wrong.
        """
        return cls._parse(text, "yaml")

    @classmethod
    def _parse(cls, text: str | bytes, form: str) -> Self:
        from yarnhub.client.spec_file import parse_document

        content = text.encode() if isinstance(text, str) else text
        return cls.from_dict(parse_document(content, form))

    @classmethod
    def from_file(cls, path: str | Path, format: str = "infer") -> Self:  # noqa: A002  # skein's
        """Read a file; relative sources in it are relative to its folder.

        Args:
            path: Where it is.
            format: `json` or `yaml`; `infer` takes it from the suffix.

        Raises:
            SpecError: Something in it is wrong, or a local file that it names does not exist.
        """
        from yarnhub.client.spec_file import resolve_sources

        path = Path(path)
        found = cls._parse(path.read_bytes(), _format(path, format))
        return resolve_sources(found, path.absolute().parent)

    def to_json(self, *, secrets: bool = False) -> str:
        """Write the document that `from_json` reads; `secrets` is whether with private keys."""
        return json.dumps(self.to_dict(secrets=secrets))

    def to_yaml(self, *, secrets: bool = False) -> str:
        """Write the document that `from_yaml` reads; `secrets` is whether with private keys."""
        import yaml

        document = self.to_dict(secrets=secrets)
        return yaml.safe_dump(document, sort_keys=False, default_flow_style=False)

    def to_file(self, path: str | Path, format: str = "infer") -> None:  # noqa: A002  # skein's
        """Write a file that `from_file` reads, without private keys.

        Args:
            path: Where to.
            format: `json` or `yaml`; `infer` takes it from the suffix.
        """
        path = Path(path)
        written = self.to_json if _format(path, format) == "json" else self.to_yaml
        path.write_text(written(), "utf-8")


def _rebuild(kind: type[Document], values: dict[str, object]) -> Document:
    return kind(**values)


def _thawed(value: object) -> object:
    match value:
        case Mapping():
            return dict(value)
        case frozenset():
            return set(value)
        case tuple():
            return list(value)
        case _:
            return value


def _format(path: Path, given: str) -> str:
    form = given.lower()
    if form == "infer":
        form = _FORMATS.get(path.suffix.lower(), "")
        if not form:
            raise SpecError(
                "", f"the suffix {path.suffix!r} names no format: use .yaml, .yml or .json"
            )
    if form not in _FORMATS.values():
        raise SpecError("", f"{given!r} is no format: use 'json', 'yaml' or 'infer'")
    return form
