"""What is stored about environments."""

from __future__ import annotations

import json

import pytest

from yarnhub.base.errors import SpecError
from yarnhub.environments.published.difference import difference
from yarnhub.environments.published.manifest import (
    EnvironmentRecord,
    Origin,
    VersionManifest,
    archive_name,
)
from yarnhub.environments.published.packages import locked_versions
from yarnhub.spec import Resources

HASH = "sha256:" + "0" * 64


def manifest(**values: object) -> VersionManifest:
    document = {
        "schema": 1,
        "key": "a" * 64,
        "archive": archive_name("table", "a" * 64),
        "sha256": "b" * 64,
        "size": 10,
        "files": 3,
    }
    return VersionManifest.from_dict(document | values)


def test_what_is_written_is_read() -> None:
    resources = Resources.from_dict({"memory": "2 GiB", "vcores": 2})
    one = manifest(packages={"ipykernel": "6.29"}, kernel=resources, problems=["a sentence"])
    assert VersionManifest.parse(one.dump()) == one
    assert one.has_kernel
    assert one.archive == "table-aaaaaaaaaaaa.tar.gz"
    imported = manifest(origin="IMPORT")
    assert VersionManifest.parse(imported.dump()).origin is Origin.IMPORT
    record = EnvironmentRecord(name="table", current=1, newest=3)
    assert EnvironmentRecord.parse(record.dump()) == record


def test_the_language_of_a_kernel() -> None:
    both = {"ipykernel": "6.29", "r-irkernel": "1.3.2"}
    of_r = manifest(language="r", packages={"r-irkernel": "1.3.2"})
    assert VersionManifest.parse(of_r.dump()) == of_r
    assert of_r.has_kernel
    assert not manifest(packages={"r-irkernel": "1.3.2"}).has_kernel
    assert not manifest(language="r", packages={"ipykernel": "6.29"}).has_kernel
    assert (manifest(packages=both).language, manifest(packages=both).kernel_package) == (
        *("python", "ipykernel"),
    )
    with pytest.raises(SpecError, match="language"):
        manifest(language="cobol")
    kept = {"r-irkernel": "1.3.2", "r-base": "4.2.2"}
    whole = manifest(language="r", packages={**kept, "ipykernel": "6.29", "r-uuid": "1.1"})
    assert whole.without_packages().packages == kept
    # Versions of yarnhub that do not have the key read the others.
    assert "language" not in manifest(packages=both).to_dict()


def test_a_newer_schema_is_told_before_its_keys() -> None:
    written = json.dumps({"schema": 2, "surprise": True}).encode()
    for kind in (EnvironmentRecord, VersionManifest):
        with pytest.raises(SpecError, match=r"schema: is 2: a newer yarnhub .*; update yarnhub"):
            kind.parse(written)


def test_problems_are_bounded() -> None:
    assert len(manifest(problems=["x"] * 1000).problems) == 100


@pytest.mark.parametrize(
    ("current", "newest", "existing", "chosen"),
    [
        (0, 0, [], 0),
        (0, 0, [1, 2], 2),
        (1, 2, [1, 2], 1),
        (1, 2, [1], 1),  # the newest one was deleted
        (1, 2, [1, 2, 3], 3),  # a newer one was published
        (1, 2, [2], 2),  # the chosen one does not exist any more
    ],
)
def test_which_version_is_current(
    current: int, newest: int, existing: list[int], chosen: int
) -> None:
    record = EnvironmentRecord(name="x", current=current, newest=newest)
    assert record.choose(existing) == chosen


def test_packages_of_the_platform_only() -> None:
    lock = "".join(
        f"{each} --hash={HASH}\n"
        for each in (
            "always==1.0",
            "old==1.0 ; python_version < '3.11'",
            "new==2.0 ; python_full_version >= '3.11.2'",
            "windows==1.0 ; sys_platform == 'win32'",
            "arm==1.0 ; platform_machine == 'aarch64'",
            "intel==1.0 ; platform_machine == 'x86_64' and implementation_name == 'cpython'",
        )
    )
    assert locked_versions(lock, "3.12.1", "linux-x86_64-gnu") == {
        "always": "1.0",
        "intel": "1.0",
        "new": "2.0",
    }
    assert "arm" in locked_versions(lock, "3.12.1", "linux-aarch64-gnu")
    conda = "https://c.example.com/x/noarch/ipykernel-7.1.0-pyh_0.conda#sha256:" + "a" * 64
    found = locked_versions("", "3.12.1", "linux-x86_64-gnu", f"@EXPLICIT\n{conda}\n")
    assert found == {"ipykernel": "7.1.0"}


def test_the_application_of_a_build_may_be_missing() -> None:
    """Older versions of yarnhub wrote none."""
    assert b"application" not in manifest().dump()
    assert VersionManifest.parse(manifest().dump()).application == ""
    built = manifest(application="application_1700000000000_0007")
    assert VersionManifest.parse(built.dump()) == built


def test_difference() -> None:
    old = manifest(packages={"a": "1", "b": "1", "c": "1"}, python="3.11.2")
    new = manifest(packages={"b": "2", "c": "1", "d": "1"}, python="3.12.1", key="c" * 64, size=4)
    found = difference(old, new)
    assert (found.added, found.removed) == ({"d": "1"}, {"a": "1"})
    assert found.changed == {"b": ("1", "2")}
    assert (found.python, found.platform, found.size) == (("3.11.2", "3.12.1"), None, -6)
    assert not found.same
    assert difference(old, old).same
