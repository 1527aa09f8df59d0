"""Chunked uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from full_disk import files_end_at
from yarnhub.base.errors import YarnhubError
from yarnhub.integrations.contents.uploads import append

if TYPE_CHECKING:
    from pathlib import Path


def test_a_chunk_that_did_not_fit_can_be_sent_again(tmp_path: Path) -> None:
    file = tmp_path / "notebook"
    append(file, b"one,")
    with files_end_at(6), pytest.raises(YarnhubError):
        append(file, b"two,")
    assert file.read_bytes() == b"one,"
    append(file, b"two,")
    assert file.read_bytes() == b"one,two,"
