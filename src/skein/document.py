"""What skein's specification classes have in common: they can be changed, and are documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from yarnhub.spec import _reading as read

if TYPE_CHECKING:
    from typing import Self

folder: ContextVar[str | Path | None] = ContextVar("folder", default=None)
"""Where relative sources begin while a document is read; None is the current folder."""


class Document(read.Element):
    """A part of a specification that can be changed.

    What is assigned to a field is checked at once. What is changed inside of one, such as
    `service.env["A"] = 1`, is checked with the whole at submission.
    """

    __slots__ = ()
    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # it can be changed

    def _fill(self, arguments: Mapping[str, object]) -> None:
        """What constructors do with their arguments; a None counts as if it were not given."""
        given = {name: arguments[name] for name in self.checks if arguments[name] is not None}
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
    def from_dict(cls, data: object, *, _origin: str | Path | None = None) -> Self:
        """Read a document. A null counts as if its key were absent.

        Raises:
            SpecError: Something in it is wrong; the path is relative to this document. A value of
                the wrong type is a `TypeError`, too.
        """
        if _origin is None:  # it may be a part of one that has one
            return super().from_dict(data)
        outer = folder.set(_origin)
        try:
            return super().from_dict(data)
        finally:
            folder.reset(outer)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a document in JSON.

        Raises:
            SpecError: Something in it is wrong.
        """
        from yarnhub.client.submit.spec_file import parse_document

        return cls.from_dict(parse_document(text, "json"))

    @classmethod
    def from_yaml(cls, text: str | bytes) -> Self:
        """Read a document in YAML.

        Raises:
            SpecError: Something in it is wrong.
        """
        from yarnhub.client.submit.spec_file import parse_document

        return cls.from_dict(parse_document(text, "yaml"))

    @classmethod
    def from_file(cls, path: str | Path, format: str = "infer") -> Self:  # noqa: A002  # skein's
        """Read a file; relative sources in it are relative to its folder.

        Args:
            path: Where it is.
            format: `json` or `yaml`; `infer` takes it from the suffix.

        Raises:
            SpecError: Something in it is wrong.
        """
        from yarnhub.client.submit.spec_file import read_document

        path = Path(path)
        return cls.from_dict(read_document(path, format), _origin=path.absolute().parent)

    def to_dict(self, skip_nulls: bool = True, *, secrets: bool = True) -> dict[str, object]:  # noqa: FBT001, FBT002  # skein's signature
        """Write the document that `from_dict` reads, defaults included.

        Args:
            skip_nulls: Whether to leave out what is None.
            secrets: Whether to write private keys. Otherwise a `security` that holds one is left
                out as a whole.
        """
        return self._document(secrets=secrets, nulls=not skip_nulls)

    def to_json(self, skip_nulls: bool = True, *, secrets: bool = True) -> str:  # noqa: FBT001, FBT002  # skein's signature
        """Write the document that `from_json` reads; arguments as for `to_dict`."""
        return json.dumps(self.to_dict(skip_nulls, secrets=secrets))

    def to_yaml(self, skip_nulls: bool = True, *, secrets: bool = True) -> str:  # noqa: FBT001, FBT002  # skein's signature
        """Write the document that `from_yaml` reads; arguments as for `to_dict`."""
        from yarnhub.client.submit.spec_file import format_document

        return format_document(self.to_dict(skip_nulls, secrets=secrets), "yaml")

    def to_file(
        self,
        path: str | Path,
        format: str = "infer",  # noqa: A002  # skein's name
        skip_nulls: bool = True,  # noqa: FBT001, FBT002  # skein's signature
    ) -> None:
        """Write a file that `from_file` reads.

        With a private key in it, only the user can read it.

        Args:
            path: Where to.
            format: `json` or `yaml`; `infer` takes it from the suffix.
            skip_nulls: Whether to leave out what is None.
        """
        from yarnhub.client.submit.spec_file import write_document

        private = self.to_dict() != self.to_dict(secrets=False)
        write_document(Path(path), self.to_dict(skip_nulls), format, private=private)


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
