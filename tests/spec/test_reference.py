"""The reference page names every key, type of value and default, and its examples are valid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import Enum
from pathlib import Path

import pytest
import yaml

from yarnhub.spec import (
    ACLs,
    ApplicationSpec,
    Docker,
    File,
    FileType,
    FileVisibility,
    LogLevel,
    Master,
    Readiness,
    Resources,
    Security,
    Service,
)

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "specification.md").read_text()
SECTIONS = dict(re.findall(r"\n## (\w+)\n(.*?)(?=\n## |\Z)", PAGE, re.DOTALL))
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(
    ("heading", "kind", "also"),
    [
        ("Application", ApplicationSpec, set()),
        ("Service", Service, {"commands"}),
        ("Master", Master, {"commands"}),
        ("Resources", Resources, {"resource_types"}),
        ("Docker", Docker, set()),
        ("Readiness", Readiness, set()),
        ("File", File, set()),
        ("ACLs", ACLs, set()),
        ("Security", Security, set()),
    ],
)
def test_every_key_has_its_row(heading: str, kind: type, also: set[str]) -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", SECTIONS[heading], re.MULTILINE))
    keys = {slot for one in kind.__mro__ for slot in getattr(one, "__slots__", ())}
    assert rows - {"1024"} == keys - {"custom"} | also


@pytest.mark.parametrize("kind", [ApplicationSpec, Service, Master, Resources, Docker, File, ACLs])
def test_every_default_is_what_the_page_says(kind: type) -> None:
    heading = kind.__name__.removesuffix("Spec")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*) \|", SECTIONS[heading], re.MULTILINE)
    told = {key: DEFAULTS.get(text, text.strip("`")) for key, text in rows if text}
    real = {key: default_of(kind, key) for key in told}
    assert len(told) > 3
    assert {key: told[key] for key in told if real[key] is not OTHER} == {
        key: value for key, value in real.items() if value is not OTHER
    }


DEFAULTS = {
    "required": MISSING,
    "none": None,
    "no limit": None,
    "see there": None,
    "`infer`": None,
    "empty": "",
}
OTHER = object()
"""A default that is an object itself: the page says in words what it is."""


def default_of(kind: type, key: str) -> object:
    """A key's default as the page writes it."""
    (field,) = [each for each in fields(kind) if each.name == key]
    default = field.default
    if field.default_factory is not MISSING:
        default = field.default_factory()
    match default:
        case None | "":
            return default
        case bool() | int() | float() | str():
            return f"{default:g}" if isinstance(default, float) else str(default).lower()
        case Enum():
            return default.name
        case tuple() | list() | frozenset():
            return "[]"
        case Mapping():
            return "{}"
        case _:
            return MISSING if default is MISSING else OTHER


@pytest.mark.parametrize("member", [*FileType, *FileVisibility, *LogLevel])
def test_every_value_is_named(member: FileType | FileVisibility | LogLevel) -> None:
    section = SECTIONS["Master" if isinstance(member, LogLevel) else "File"]
    assert re.search(rf'`"?{member.name}"?`', section)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_valid(example: str) -> None:
    spec = ApplicationSpec.from_dict(yaml.safe_load(example))
    assert ApplicationSpec.from_dict(spec.to_dict()) == spec


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3
