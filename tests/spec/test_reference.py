"""The reference page names every key, type of value and default, and its examples are valid."""

from __future__ import annotations

import re
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
        ("Resources", Resources, set()),
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
