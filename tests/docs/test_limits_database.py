"""The page on the platform: the settings with which services read its limits."""

from __future__ import annotations

from traitlets.config import Config

from docs.blocks import PROJECT, blocks
from yarnhub.integrations.dask_gateway.backend import YarnBackend
from yarnhub.integrations.jupyterhub.spawner import YarnSpawner
from yarnhub.server.gateway.traits import KernelGateway

PAGE = PROJECT / "docs" / "howto" / "platform.md"


def test_the_settings_of_the_page_are_taken() -> None:
    (block,) = (each for each in blocks(PAGE) if "limits_database" in each.text)
    config = Config()
    exec(block.text, {"c": config})
    assert set(config) == {each.__name__ for each in (YarnSpawner, KernelGateway, YarnBackend)}
    for kind in (YarnSpawner, KernelGateway, YarnBackend):
        assert kind(config=config).limits_database.startswith("postgresql://")
    _ = YarnBackend(config=config).shared_limits(), KernelGateway(config=config).shared_limits()
