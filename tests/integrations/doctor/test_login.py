"""Logins that fail before anybody is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from integrations.doctor.sites import make_site
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.login import check

if TYPE_CHECKING:
    from pathlib import Path

KERBEROS = {"hadoop.security.authentication": "kerberos"}


async def test_simple(tmp_path: Path) -> None:
    found = await check(make_site(tmp_path, {}))
    assert found.grade is Grade.OK
    assert "user name hub" in found.what


async def test_half_of_a_login(tmp_path: Path) -> None:
    site = make_site(tmp_path, KERBEROS)
    site.question = replace(site.question, principal="hub")
    found = await check(site)
    assert found.grade is Grade.ERROR
    assert "--keytab" in found.what


async def test_no_such_keytab(tmp_path: Path) -> None:
    site = make_site(tmp_path, KERBEROS)
    site.question = replace(site.question, principal="hub", keytab=tmp_path / "hub.keytab")
    found = await check(site)
    assert found.grade is Grade.ERROR
    assert "hub.keytab cannot be read: No such file" in found.what
