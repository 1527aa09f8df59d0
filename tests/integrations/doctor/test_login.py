"""Logins that fail before anybody is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from integrations.doctor.deployments import make_deployment
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.login import check

if TYPE_CHECKING:
    from pathlib import Path

KERBEROS = {"hadoop.security.authentication": "kerberos"}


async def test_simple(tmp_path: Path) -> None:
    found = await check(make_deployment(tmp_path, {}))
    assert found.grade is Grade.OK
    assert "user name hub" in found.what


async def test_half_of_a_login(tmp_path: Path) -> None:
    deployment = make_deployment(tmp_path, KERBEROS)
    deployment.options = replace(deployment.options, principal="hub")
    found = await check(deployment)
    assert found.grade is Grade.ERROR
    assert "--keytab" in found.what


async def test_no_such_keytab(tmp_path: Path) -> None:
    deployment = make_deployment(tmp_path, KERBEROS)
    deployment.options = replace(
        deployment.options, principal="hub", keytab=tmp_path / "hub.keytab"
    )
    found = await check(deployment)
    assert found.grade is Grade.ERROR
    assert "hub.keytab cannot be read: No such file" in found.what
