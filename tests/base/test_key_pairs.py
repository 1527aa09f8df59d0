from __future__ import annotations

import os
import ssl
import tempfile
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.key_pairs import load_pair
from yarnhub.client.security import Credentials

if TYPE_CHECKING:
    from pathlib import Path

PAIR = Credentials.generate()


def context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def test_no_file_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    load_pair(context(), PAIR.certificate, PAIR.key)


def test_where_there_must_be_one_it_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    load_pair(context(), PAIR.certificate, PAIR.key)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_pair_is_refused() -> None:
    with pytest.raises(ssl.SSLError):
        load_pair(context(), PAIR.certificate, Credentials.generate().key)
