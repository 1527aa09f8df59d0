from __future__ import annotations

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.paths import local_part, partial_name


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


def test_a_partial_name_is_hidden_in_the_same_folder_and_new_each_time() -> None:
    one, two = partial_name("/a/b"), partial_name("/a/b")
    assert one != two
    assert one.startswith("/a/.b.")
    assert one.endswith("._COPYING_")
