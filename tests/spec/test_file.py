"""Files: shorthand, types and what is kept as it is written."""

from __future__ import annotations

import pytest
from hypothesis import given

from spec.strategies import Document, files
from yarnhub.base.errors import SpecError
from yarnhub.spec import File, FileType, FileVisibility


@given(files)
def test_what_is_written_is_read_back(file: File) -> None:
    assert File.from_dict(file.to_dict()) == file


def test_a_source_will_do() -> None:
    assert File.from_dict("env.tar.gz") == File.from_dict({"source": "env.tar.gz"})
    assert File.from_dict("a") == File(
        source="a",
        type=FileType.FILE,
        visibility=FileVisibility.APPLICATION,
        size=0,
        timestamp=0,
    )


@pytest.mark.parametrize(
    ("source", "resolved"),
    [
        ("a.zip", FileType.ARCHIVE),
        ("hdfs:///x/a.tar.gz", FileType.ARCHIVE),
        ("a.tgz", FileType.ARCHIVE),
        ("a.tar", FileType.FILE),
        ("a.jar", FileType.FILE),
        ("a.zip.txt", FileType.FILE),
        ("zip", FileType.FILE),
    ],
)
def test_infer_goes_by_the_name(source: str, resolved: FileType) -> None:
    assert File(source=source).type is resolved
    assert File.from_dict({"source": source, "type": "INFER"}).type is resolved
    assert File(source=source, type=FileType.FILE).type is FileType.FILE
    assert File(source=source, type=FileType.ARCHIVE).type is FileType.ARCHIVE


@pytest.mark.parametrize(
    "source",
    [
        "hdfs://NameService1/Data/x",
        "abfs://container@account.dfs.core.windows.net/env.tar.gz#frag",
        "s3a://Bucket/with#hash?query",
        "hdfs:///a b/ü",
    ],
)
def test_urls_survive_unchanged(source: str) -> None:
    assert File.from_dict(File.from_dict(source).to_dict()).source == source


@pytest.mark.parametrize("written", ["archive", "ARCHIVE", "Archive", FileType.ARCHIVE])
def test_enums_are_read_in_any_case(written: object) -> None:
    file = File.from_dict({"source": "a", "type": written, "visibility": "public"})
    assert (file.type, file.visibility) == (FileType.ARCHIVE, FileVisibility.PUBLIC)


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"source": ""}, "source", "must be one line of text that is not empty, not ''"),
        ({"source": None}, "source", "is required"),
        ({"type": "ARCHIV"}, "type", "unknown value 'ARCHIV'; did you mean 'ARCHIVE'?"),
        ({"type": "x"}, "type", "unknown value 'x'; known are: ARCHIVE, FILE"),
        ({"type": False}, "type", "must be text, not False: put the value in quotes"),
        ({"visibility": 1}, "visibility", "must be text, not 1: put the value in quotes"),
        ({"size": -1}, "size", "must be at least 0, not -1"),
        ({"timestamp": 1.5}, "timestamp", "must be a whole number, not 1.5"),
        ({"sorce": "a"}, "", "unknown key 'sorce'; did you mean 'source'?"),
    ],
)
def test_a_wrong_file_is_refused(changes: Document, path: str, reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        File.from_dict({"source": "a", **changes})
    assert (caught.value.path, caught.value.reason) == (path, reason)
