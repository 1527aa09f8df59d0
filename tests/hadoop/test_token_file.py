from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.token_file import replace_tokens
from yarnhub.hadoop.wire.tokens import Token, TokenStorage

if TYPE_CHECKING:
    from pathlib import Path

OLD = Token(b"old", b"1", "HDFS_DELEGATION_TOKEN", "10.0.0.1:8020")
NEW = Token(b"new", b"2", "HDFS_DELEGATION_TOKEN", "10.0.0.1:8020")
KEPT = Token(b"kept", b"3", "YARN_AM_RM_TOKEN", "")


def test_tokens_of_the_same_alias_are_replaced_and_all_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "container_tokens"
    path.write_bytes(TokenStorage({"a": OLD, "": KEPT}, {"key": b"secret"}).write())
    replace_tokens(path, {"a": NEW, "b": OLD})
    found = TokenStorage.read(path.read_bytes())
    assert found.tokens == {"a": NEW, "": KEPT, "b": OLD}
    assert found.secrets == {"key": b"secret"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_who_has_it_open_reads_the_old_one_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "container_tokens"
    old = TokenStorage({"a": OLD}).write()
    path.write_bytes(old)
    with path.open("rb") as file:
        head = file.read(5)
        replace_tokens(path, {"a": NEW})
        assert head + file.read() == old


def test_a_file_that_is_none_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "container_tokens"
    path.write_bytes(b"something else")
    with pytest.raises(ConfigurationError, match="not a Hadoop token file"):
        replace_tokens(path, {"a": NEW})
    assert path.read_bytes() == b"something else"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "container_tokens"
    path.write_bytes(TokenStorage({"a": OLD}).write())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        replace_tokens(path, {"a": NEW})
    assert list(tmp_path.iterdir()) == [path]
