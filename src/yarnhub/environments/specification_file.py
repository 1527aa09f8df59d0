"""Specifications in files: our own, and those of pip, conda and uv."""

from __future__ import annotations

import platform
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.files import read_regular
from yarnhub.client.submit.spec_file import parse_document
from yarnhub.environments import foreign_documents, requirements
from yarnhub.environments.conda_lock import conda_subdir, read_conda_lock
from yarnhub.environments.specification import MAX_LOCK, EnvironmentSpec
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from pathlib import Path

_DOCUMENTS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}
_CONDA = ("environment.yml", "environment.yaml")
_KNOWN = (
    "a specification (.yaml, .yml or .json), requirements.txt, environment.yml, pixi.lock or "
    "pyproject.toml"
)


@dataclass(frozen=True, slots=True)
class SpecificationFile:
    """A file that has been read.

    Attributes:
        specification: What is in it; None if that depends on `uv_lock`.
        uv_project: The folder of a pyproject.toml with a uv.lock; None otherwise.
        project: The parsed pyproject.toml.
    """

    specification: EnvironmentSpec | None
    uv_project: Path | None = None
    project: Mapping[str, object] | None = None

    def with_lock(self, lock: str) -> EnvironmentSpec:
        """The specification with the lock that uv has exported."""
        if self.specification is not None:
            return self.specification
        return foreign_documents.from_project(self.project, lock, "project")


def read_file(path: Path) -> SpecificationFile:
    """Read a specification; its name selects the format. Blocks.

    Raises:
        SpecError: It is invalid; names the file and the key.
        ConfigurationError: It cannot be read.
    """
    try:
        with reading.at(path.name):
            return _read(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error


def _read(path: Path) -> SpecificationFile:
    name = foreign_documents.usual_name(path.absolute().parent.name)
    suffix = path.suffix.lower()
    if path.name == "pixi.lock":
        document = parse_document(_bytes(path), "yaml")
        subdir = conda_subdir(platform.machine())
        return SpecificationFile(foreign_documents.from_pixi(document, subdir, name))
    if path.name == "uv.lock":
        raise SpecError("", "name the pyproject.toml next to it: it is read together with uv.lock")
    if suffix == ".txt":
        return SpecificationFile(foreign_documents.from_requirements(_text(path), name))
    if path.name == "pyproject.toml":
        return _project(path, name)
    if suffix not in _DOCUMENTS:
        raise SpecError("", f"is of an unknown kind: use {_KNOWN}")
    document = parse_document(_bytes(path), _DOCUMENTS[suffix])
    # `dependencies` is the key that each environment.yml has and no specification of ours.
    if path.name in _CONDA or (isinstance(document, Mapping) and "dependencies" in document):
        return SpecificationFile(foreign_documents.from_conda(document, name))
    return SpecificationFile(EnvironmentSpec.from_dict(_with_locks(document, path)))


def _with_locks(document: object, path: Path) -> object:
    """The document with the contents of the files that it names as locks."""
    found = _with_lock(document, path, requirements.read_lock)
    if not isinstance(found, Mapping) or "conda" not in found:
        return found
    with reading.at("conda"):
        return {**found, "conda": _with_lock(found["conda"], path, read_conda_lock)}


def _with_lock(document: object, path: Path, read: Callable[[str], object]) -> object:
    """The document with the content of its `lock_file`, which `read` checks."""
    if not isinstance(document, Mapping) or document.get("lock_file") is None:
        return document
    with reading.at("lock_file"):
        if document.get("lock") is not None:
            raise SpecError("", "write either `lock` or `lock_file`")
        name = reading.filled(document["lock_file"])
        folder = path.absolute().parent.resolve()
        file = (folder / name).resolve()
        if not file.is_relative_to(folder):
            raise SpecError("", "must be a file in the folder of the specification or below it")
        try:
            text = _text(file)
        except OSError as error:
            raise SpecError("", f"{name} cannot be read: {error.strerror or error}") from error
        read(text)
    rest = {key: value for key, value in document.items() if key != "lock_file"}
    return {**rest, "lock": text}


def _project(path: Path, name: str) -> SpecificationFile:
    try:
        document = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise SpecError("", f"is not TOML: {error}") from error
    folder = path.absolute().parent
    specification = foreign_documents.from_project(document, "", name)
    if (folder / "uv.lock").is_file():
        return SpecificationFile(None, folder, document)
    return SpecificationFile(specification)


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError("", f"is not UTF-8: {error.reason} at byte {error.start}") from error


def _bytes(path: Path) -> bytes:
    return read_regular(path, MAX_LOCK)
