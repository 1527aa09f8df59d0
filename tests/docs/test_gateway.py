"""The page on the kernel service: its settings, and its configurations."""

from __future__ import annotations

import re

import pytest
from traitlets.config import Config

from docs.blocks import PROJECT, Block, blocks
from yarnhub.server.gateway.traits import KernelGateway

PAGE = PROJECT / "docs" / "howto" / "gateway.md"
BLOCKS = [block for block in blocks(PAGE) if block.language == "python"]


def test_every_setting_has_its_row() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert described == set(KernelGateway.class_trait_names(config=True))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_configuration_is_taken(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TOKEN", "of the service")
    config = Config()
    exec(block.text, {"c": config})
    assert config
    known = set(KernelGateway.class_trait_names(config=True))
    assert set(config.get("KernelGateway", ())) <= known
    KernelGateway(config=config)  # refuses what a setting does not take
