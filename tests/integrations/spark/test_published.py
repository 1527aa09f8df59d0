"""What counts as published, and who must be able to read it and nobody else change it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.integrations.spark import published
from yarnhub.integrations.spark.published import PublishedFile, PublishedSpark

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("spark-libs.tar", "pyspark.zip", "py4j-0.10.9.9-src.zip")
BUILD = "17.0.15+6-Debian-1deb12u1"
CLASS_DATA = "spark-17.0.15_6-Debian-1deb12u1.jsa"


async def put(
    root: Path, version: str = "4.3.0", content: str = "0123456789ab" + "0" * 52, at: int = 1000
) -> PublishedSpark:
    """Publish small files."""
    folder = root / published.folder_name(version, content)
    folder.mkdir(parents=True)
    async with LocalFileSystem() as file_system:
        libs, pyspark, py4j, class_data = [
            PublishedFile.of(await file_system.write(str(folder / name), name.encode(), 0o644))
            for name in (*NAMES, CLASS_DATA)
        ]
        spark = PublishedSpark(
            version=version,
            content=content,
            scala="2.13.18",
            py4j="0.10.9.9",
            published=at,
            folder=f"file://{folder}",
            jars=["a.jar"],
            libs=libs,
            pyspark=pyspark,
            py4j_zip=py4j,
            class_data={BUILD: class_data},
        )
        await published.write_manifest(file_system, spark)
    return spark


async def found_in(root: Path) -> tuple[published.FoundFolder, ...]:
    async with LocalFileSystem() as file_system:
        return await published.find_all(file_system, str(root))


async def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    spark = await put(tmp_path)
    assert [each.spark for each in await found_in(tmp_path)] == [spark]
    assert PublishedSpark.from_json(json.dumps(spark.to_dict())) == spark


async def test_there_is_nothing_in_a_root_that_does_not_exist(tmp_path: Path) -> None:
    assert await found_in(tmp_path / "none") == ()


async def test_other_folders_and_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "spark-4.3.0-0123456789ab").touch()
    assert await found_in(tmp_path) == ()


async def test_without_a_manifest_nothing_is_published(tmp_path: Path) -> None:
    spark = await put(tmp_path)
    manifest = tmp_path / spark.folder.rpartition("/")[2] / published.MANIFEST
    manifest.unlink()
    (found,) = await found_in(tmp_path)
    assert found.spark is None
    assert found.problem == ""


@pytest.mark.parametrize("name", [*NAMES, CLASS_DATA])
async def test_a_file_that_is_missing_or_changed_is_named(tmp_path: Path, name: str) -> None:
    spark = await put(tmp_path)
    path = tmp_path / spark.folder.rpartition("/")[2] / name
    path.write_text("another length, and another time")
    (found,) = await found_in(tmp_path)
    assert found.spark is None
    assert found.problem == f"file://{path} has been changed since it was published"
    path.unlink()
    (found,) = await found_in(tmp_path)
    assert found.problem == f"file://{path} is missing"


async def test_a_copied_folder_is_not_what_its_manifest_describes(tmp_path: Path) -> None:
    spark = await put(tmp_path)
    name = spark.folder.rpartition("/")[2]
    (tmp_path / name).rename(tmp_path / name.replace("4.3.0", "4.3.1"))
    (found,) = await found_in(tmp_path)
    assert "has been moved or copied" in found.problem


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "not a JSON document"),
        ("[]", "must be a mapping"),
        ("{}", "version: is required"),
        ('{"version": "4.3.0", "more": 1}', "unknown key 'more'"),
        ("[" * 100_000, "not a JSON document"),
        ("\xff\xfe", "not a JSON document"),
        ("x" * (published.MAX_MANIFEST_BYTES + 1), "has more than"),
    ],
)
async def test_a_manifest_that_cannot_be_read_is_named(
    tmp_path: Path, content: str, expected: str
) -> None:
    spark = await put(tmp_path)
    manifest = tmp_path / spark.folder.rpartition("/")[2] / published.MANIFEST
    manifest.write_text(content)
    (found,) = await found_in(tmp_path)
    assert found.spark is None
    assert str(manifest) in found.problem
    assert expected in found.problem


async def test_only_files_of_the_own_folder_can_be_named(tmp_path: Path) -> None:
    spark = await put(tmp_path)
    with pytest.raises(SpecError, match=r"file:///tmp/evil\.tar is not in"):
        replace(spark, libs=replace(spark.libs, url="file:///tmp/evil.tar"))


@pytest.mark.parametrize("jar", ["-version.jar", "a:b.jar", "a b.jar", "../a.jar", "a", "$(x).jar"])
async def test_jars_that_are_no_entries_of_a_class_path_are_refused(
    tmp_path: Path, jar: str
) -> None:
    spark = await put(tmp_path)
    with pytest.raises(SpecError, match=r"jars\[0\]: must be the file name of a jar"):
        replace(spark, jars=[jar])


async def test_the_number_of_jars_is_limited(tmp_path: Path) -> None:
    spark = await put(tmp_path)
    for count in (0, published.MAX_JARS + 1):
        with pytest.raises(SpecError, match="jars: must be 1 to 2000 jars"):
            replace(spark, jars=["a.jar"] * count)


async def test_the_newest_version_is_the_default(tmp_path: Path) -> None:
    await put(tmp_path, "4.10.0", at=1)
    await put(tmp_path, "4.3.0", at=3)
    again = await put(tmp_path, "4.3.0", content="f" * 64, at=4)
    async with LocalFileSystem() as file_system:
        newest = await published.find_version(file_system, str(tmp_path))
        assert newest.version == "4.10.0"
        assert await published.find_version(file_system, str(tmp_path), "4.3.0") == again
        with pytest.raises(ConfigurationError, match=r"4\.2\.1 is not .*, only 4\.10\.0, 4\.3\.0"):
            await published.find_version(file_system, str(tmp_path), "4.2.1")
        with pytest.raises(ConfigurationError, match="an administrator publishes it"):
            await published.find_version(file_system, str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("part", "mode", "expected"),
    [
        ("", 0o750, "cannot be entered by other users .*750"),
        ("root", 0o700, "cannot be entered by other users"),
        ("root", 0o777, "can be written by other users"),
        ("root/version", 0o775, "can be written by other users"),
        ("root/version", 0o700, "cannot be entered by other users"),
    ],
)
async def test_every_folder_on_the_path_is_checked(
    public_folder: Path, part: str, mode: int, expected: str
) -> None:
    folder = public_folder / "root" / "version"
    folder.mkdir(parents=True)
    for each in (folder.parent, folder):
        each.chmod(0o755)
    async with LocalFileSystem() as file_system:
        await published.check_readable(file_system, str(folder))
        (public_folder / part).chmod(mode)
        with pytest.raises(ConfigurationError, match=f"^{public_folder / part} {expected}"):
            await published.check_readable(file_system, str(folder))


async def test_a_sticky_folder_protects_what_is_in_it(public_folder: Path) -> None:
    folder = public_folder / "version"
    folder.mkdir()
    folder.chmod(0o755)
    public_folder.chmod(0o1777)
    async with LocalFileSystem() as file_system:
        await published.check_readable(file_system, str(folder))


async def test_a_folder_in_which_anybody_can_publish_is_not_searched(tmp_path: Path) -> None:
    spark = await put(tmp_path)
    tmp_path.chmod(0o1777)
    async with LocalFileSystem() as file_system:
        with pytest.raises(ConfigurationError, match="can be written by all users"):
            await published.find_version(file_system, str(tmp_path))
        tmp_path.chmod(0o755)
        assert await published.find_version(file_system, str(tmp_path)) == spark
