"""The page on the kernel service has all of its settings."""

from __future__ import annotations

import re

from docs.blocks import PROJECT
from yarnhub.server.gateway.traits import KernelGateway


def test_every_setting_has_its_row() -> None:
    page = (PROJECT / "docs" / "howto" / "gateway.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert described == set(KernelGateway.class_trait_names(config=True))
