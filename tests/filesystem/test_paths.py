from __future__ import annotations

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.errors import InvalidNameError
from yarnhub.filesystem.paths import hdfs_part, local_part, new_hdfs_part


@pytest.mark.parametrize(
    ("uri", "path", "expected"),
    [
        ("hdfs://nn:1", "/a/b", "/a/b"),
        ("hdfs://nn:1", "/", "/"),
        ("hdfs://nn:1", "/a//b/", "/a/b"),
        ("hdfs://nn:1", "//a", "/a"),
        ("hdfs://nn:1", "/a/../b", "/b"),
        ("hdfs://nn:1", "hdfs://nn:1/a", "/a"),
        ("hdfs://nn:1", "hdfs:///a", "/a"),
        ("hdfs://nn:1", "hdfs://nn:1", "/"),
        ("hdfs://nn:1", "hdfs://nn:1/a?b#c", "/a?b#c"),
        ("file://", "file:///a", "/a"),
        ("file://", "file:/a", "/a"),
    ],
)
def test_local_part(uri: str, path: str, expected: str) -> None:
    assert local_part(uri, path) == expected


@pytest.mark.parametrize(
    "path", ["a", "", "hdfs://other:1/a", "hdfs://nn:2/a", "webhdfs://nn:1/a", "file:///a"]
)
def test_paths_of_other_file_systems(path: str) -> None:
    with pytest.raises(ConfigurationError, match="hdfs://nn:1"):
        local_part("hdfs://nn:1", path)


@pytest.mark.parametrize("path", ["/a/\udcff", "/a\0b"])
def test_what_cannot_be_sent_to_hdfs(path: str) -> None:
    with pytest.raises(InvalidNameError, match="hdfs://nn:1"):
        hdfs_part("hdfs://nn:1", path)


@pytest.mark.parametrize("path", ["/a:b", "/c:/d", "hdfs://nn:1/a:b"])
def test_hdfs_takes_no_colon(path: str) -> None:
    assert hdfs_part("hdfs://nn:1", path)  # to look for it is no mistake
    with pytest.raises(InvalidNameError, match=r"cannot write .*: names in HDFS have no ':'"):
        new_hdfs_part("write", "hdfs://nn:1", path)
