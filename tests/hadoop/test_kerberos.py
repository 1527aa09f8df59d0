"""Kerberos credentials, as far as they need no KDC; `test_real_rpc.py` has the rest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import AuthenticationError, ConfigurationError
from yarnhub.hadoop.security.kerberos import Keytab, TicketCache

if TYPE_CHECKING:
    from pathlib import Path


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    for make in (TicketCache, lambda: Keytab("k", "p")):
        with pytest.raises(ConfigurationError, match=r"install yarnhub\[kerberos\]"):
            make()


def test_a_missing_ticket_cache(tmp_path: Path) -> None:
    pytest.importorskip("gssapi")
    cache = TicketCache(str(tmp_path / "none"))
    for use in (cache.acquire, lambda: cache.principal, lambda: cache.open("rm/x").step(None)):
        with pytest.raises(AuthenticationError, match=r"no valid .* ticket in .*: run kinit"):
            use()


def test_a_missing_keytab(tmp_path: Path) -> None:
    pytest.importorskip("gssapi")
    with pytest.raises(ConfigurationError, match="none cannot be read: No such file"):
        Keytab(tmp_path / "none", "alice@REALM").acquire()


def test_no_credential_shows_where_its_tickets_are(tmp_path: Path) -> None:
    pytest.importorskip("gssapi")
    assert "MEMORY" not in repr(Keytab(tmp_path / "k", "alice@REALM"))
