from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from yarnhub.environments.errors import BuildError
from yarnhub.environments.local_build.provided_packages import (
    ProvidedPackage,
    provided_packages,
    without_provided,
    write_wheels,
)
from yarnhub.environments.requirements import LockedPackage

if TYPE_CHECKING:
    from pathlib import Path

FIRST = ProvidedPackage("first", "2.0")


def described(folder: Path, name: str, *lines: str) -> None:
    (folder / name).mkdir(parents=True)
    file = "PKG-INFO" if name.endswith(".egg-info") else "METADATA"
    (folder / name / file).write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))


def test_packages_are_found_as_they_describe_themselves(tmp_path: Path) -> None:
    extra = "Requires-Dist: six>=1 ; extra == 'more'"
    lines = ["Name: Ruamel.YAML", "Version: 1.0", "Provides-Extra: more", extra]
    described(tmp_path, "x.dist-info", *lines, "Requires-Dist: typing-extra>=1")
    described(tmp_path, "old.egg-info", "Name: old", "Version: 1.0-beta1")
    described(tmp_path, "a.dist-info", "Name: ../../outside", "Version: 1.0")
    described(tmp_path, "b.dist-info", "Name: b", "Version: ../../outside")
    described(tmp_path, "c.dist-info")
    found = provided_packages(tmp_path)
    assert found == (
        ProvidedPackage("old", "1.0b1"),
        ProvidedPackage("ruamel-yaml", "1.0", ("Provides-Extra: more", extra)),
    )
    (tmp_path / "wheels").mkdir()
    write_wheels(found, tmp_path / "wheels")
    names = sorted(each.name for each in (tmp_path / "wheels").iterdir())
    assert names == ["old-1.0b1-py3-none-any.whl", "ruamel_yaml-1.0-py3-none-any.whl"]
    with zipfile.ZipFile(tmp_path / "wheels" / names[1]) as wheel:
        assert extra in wheel.read("ruamel_yaml-1.0.dist-info/METADATA").decode()


def test_a_lock_without_what_is_provided() -> None:
    second = LockedPackage("second", "1.0", ("sha256:aa",))
    same = LockedPackage("first", "2", ("sha256:bb",))
    never = LockedPackage("first", "1.0", ("sha256:cc",), "python_version < '3.10'")
    assert without_provided([second, same, never], [FIRST], "3.12.1") == (second,)
    with pytest.raises(BuildError, match=r"the lock has first 1\.0, and conda has 2\.0: remove"):
        without_provided([never], [FIRST], "3.9.1")
