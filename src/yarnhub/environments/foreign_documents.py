"""Specifications made of documents of other tools, as far as they mean the same here. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.environments import requirements
from yarnhub.environments.conda_lock import conda_package, write_conda_lock
from yarnhub.environments.specification import Conda, EnvironmentSpec
from yarnhub.spec import _reading as reading

_NAME = re.compile(r"[^a-z0-9._-]+")
_PYTHON = re.compile(r"python\s*(?:=|==|\s)?\s*(?P<version>3\.\d+(?:\.\d+)?)?(?:\.\*)?")
_CONDA_KEYS = ("channels", "dependencies", "name", "prefix", "variables")
_NO_DEFAULTS = "nodefaults"
"""Not a channel: keeps conda from using channels that a document does not name, as we do anyway."""
_PIXI_VERSIONS = (6, 7)
_ONLY_TOOLS = re.compile(r"(?:pip|setuptools|wheel)\b.*")
"""Packages that conda needs to install with pip, and an environment does not."""


def usual_name(text: str) -> str:
    """A name of an environment that resembles a text, such as a file's name."""
    return _NAME.sub("-", text.lower()).strip("._-")[:64].rstrip("._-") or "environment"


def from_requirements(text: str, name: str) -> EnvironmentSpec:
    """Read a `requirements.txt`; with hashes, it is a lock.

    Raises:
        SpecError: It has anything but requirements for packages of an index.
    """
    if requirements.is_lock(text):
        return EnvironmentSpec(name=name, lock=text)
    return EnvironmentSpec(name=name, pip=requirements.read_requirements(text))


def from_conda(document: object, name: str) -> EnvironmentSpec:
    """Read an `environment.yml` of conda.

    If its only conda packages are Python and pip, they become the version of Python, and no channel
    is needed.

    Raises:
        SpecError: It is invalid.
    """
    given = reading.as_mapping(document)
    for key in given:
        if key not in _CONDA_KEYS:
            raise reading.unknown("key", key, _CONDA_KEYS)
    if given.get("variables"):
        raise SpecError("variables", "is not supported: set variables in the kernelspec")
    packages: list[str] = []
    pip: list[str] = []
    for index, each in enumerate(_list(given.get("dependencies", []), "dependencies")):
        with reading.at("dependencies"), reading.at(f"[{index}]"):
            if isinstance(each, Mapping):
                if [*each] != ["pip"]:
                    raise SpecError("", "only a list of packages for `pip` is supported")
                with reading.at("pip"):
                    pip += reading.sequence(requirements.requirement)(each["pip"])
            else:
                packages.append(reading.filled(each).strip())
    channels = [
        each for each in _list(given.get("channels", []), "channels") if each != _NO_DEFAULTS
    ]
    found = {_PYTHON.fullmatch(each) for each in packages if not _ONLY_TOOLS.fullmatch(each)}
    only_python = None not in found
    versions = [each["version"] for each in found if each is not None and each["version"]]
    return EnvironmentSpec.from_dict(
        {
            "name": usual_name(reading.text(given.get("name") or name)),
            "python": versions[0] if only_python and versions else "",
            "pip": pip,
            "conda": None if only_python else {"channels": channels, "packages": packages},
        }
    )


def from_project(document: object, lock: str, name: str) -> EnvironmentSpec:
    """Read a `pyproject.toml`: the dependencies of the project, but not the project itself.

    Args:
        document: The parsed file.
        lock: What `uv export` has written from `uv.lock`; empty without one.
        name: The name, unless the project has one.

    Raises:
        SpecError: It is invalid.
    """
    project = reading.as_mapping(document).get("project")
    if project is None:
        raise SpecError("project", "is required: the table with the name and the dependencies")
    with reading.at("project"):
        table = reading.as_mapping(project)
        if "dependencies" in _list(table.get("dynamic", []), "dynamic"):
            raise SpecError("dynamic", "dynamic dependencies are not supported: list them")
        with reading.at("dependencies"):
            pip = reading.sequence(requirements.requirement)(table.get("dependencies", []))
        with reading.at("requires-python"):
            python = reading.text(table.get("requires-python", ""))
        name = usual_name(reading.text(table.get("name") or name))
    return EnvironmentSpec(name=name, python=python, pip=() if lock else pip, lock=lock)


def from_pixi(document: object, subdir: str, name: str) -> EnvironmentSpec:
    """Read a `pixi.lock`: its default environment, or the only one.

    Args:
        document: The parsed file.
        subdir: The platform, such as `linux-64`.
        name: The name.

    Raises:
        SpecError: It has no such environment, or packages of another kind than those of channels
            and indexes.
    """
    given = reading.as_mapping(document)
    if given.get("version") not in _PIXI_VERSIONS:
        versions = " and ".join(map(str, _PIXI_VERSIONS))
        raise SpecError("version", f"only the versions {versions} of pixi.lock are supported")
    known = {_location(each): each for each in _mappings(given.get("packages"), "packages")}
    with reading.at("environments"):
        environments = reading.as_mapping(given.get("environments"))
        chosen = "default" if "default" in environments else next(iter(environments), "default")
        if chosen not in environments or (chosen != "default" and len(environments) > 1):
            raise SpecError("", "has no environment `default`")
        with reading.at(chosen):
            packages = reading.as_mapping(reading.as_mapping(environments[chosen]).get("packages"))
            if subdir not in packages:
                raise SpecError("packages", f"has no packages for {subdir}")
            with reading.at("packages"):
                used = [_location(each) for each in _mappings(packages[subdir], subdir)]
    conda, pip = [], []
    with reading.at("packages"):
        for location in used:
            package = known.get(location, {})
            digest = reading.text(package.get("sha256", ""))
            if location[0] == "conda":
                conda.append(conda_package(location[1], digest))
            else:
                pip.append(_pixi_requirement(package, location[1], digest))
    return EnvironmentSpec(name=name, lock="".join(pip), conda=Conda(lock=write_conda_lock(conda)))


def _location(package: Mapping[str, object]) -> tuple[str, str]:
    """The kind and the URL of a package in a pixi.lock."""
    for kind in ("conda", "pypi"):
        if kind in package:
            url = reading.filled(package[kind])
            return kind, f"file://{url}" if url.startswith("/") else url
    raise SpecError("packages", "has a package that is neither of a channel nor of an index")


def _pixi_requirement(package: Mapping[str, object], url: str, digest: str) -> str:
    if not digest:
        raise SpecError("", f"{quoted(url)} has no SHA-256: only packages of indexes are supported")
    name, version = (reading.filled(package.get(key, "")) for key in ("name", "version"))
    return f"{name}=={version} --hash=sha256:{digest}\n"


def _mappings(value: object, key: str) -> list[Mapping[str, object]]:
    found = []
    for index, each in enumerate(_list(value, key)):
        with reading.at(f"{key}[{index}]"):
            found.append(reading.as_mapping(each))
    return found


def _list(value: object, key: str) -> Sequence[object]:
    if not isinstance(value, list):
        raise SpecError(key, f"must be a list, not {quoted(value)}")
    return value
