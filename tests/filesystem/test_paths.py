from __future__ import annotations

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.errors import InvalidNameError
from yarnhub.filesystem.paths import Location, hdfs_part, local_part, located, new_hdfs_part


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
        # Hadoop compares without case, knows the default port, and takes one slash for three.
        ("hdfs://nn:1", "hdfs://NN:1/A", "/A"),
        ("hdfs://nn:1", "HDFS://nn:1/a", "/a"),
        ("hdfs://nn:8020", "hdfs://nn/a", "/a"),
        ("hdfs://nn:8020", "hdfs:/a", "/a"),
        ("hdfs://Pair", "hdfs://pair/a", "/a"),
        ("webhdfs://nn:9870", "webhdfs://nn/a", "/a"),
        ("hdfs://nn:1", "/a:b/c", "/a:b/c"),
        ("hdfs://nn:1", "hdfs://nn:1/a?b#c", "/a?b#c"),
        ("file://", "file:///a", "/a"),
        ("file://", "file:/a", "/a"),
    ],
)
def test_local_part(uri: str, path: str, expected: str) -> None:
    assert local_part(uri, path) == expected


@pytest.mark.parametrize(
    "path",
    ["a", "", "hdfs://other:1/a", "hdfs://nn:2/a", "hdfs://nn/a", "webhdfs://nn:1/a", "file:///a"],
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
    with pytest.raises(
        InvalidNameError, match=r"cannot write .*: names in HDFS cannot contain ':'"
    ):
        new_hdfs_part("write", "hdfs://nn:1", path)


@pytest.mark.parametrize(
    ("url", "default", "expected"),
    [
        ("hdfs:/x", "hdfs://nn:8020", "hdfs://nn:8020"),
        ("hdfs:///x", "HDFS://Nn", "hdfs://Nn"),
        ("hdfs://other/x", "hdfs://nn:8020", "hdfs://other"),
        ("hdfs:/x", "file:///", "hdfs://"),
        ("webhdfs:/x", "hdfs://nn:8020", "webhdfs://"),
    ],
)
def test_what_a_url_without_an_authority_means(url: str, default: str, expected: str) -> None:
    found = located(url, {"fs.defaultFS": default})
    assert found is not None
    assert found.root == expected


def test_a_path_is_nowhere_in_particular() -> None:
    assert located("/a:b", {}) is None
    assert Location.parse("") is None
