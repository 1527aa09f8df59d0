"""The pages about the hub: what they set can be set."""

from __future__ import annotations

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.auth import Authenticator
from jupyterhub.proxy import ConfigurableHTTPProxy
from traitlets.config import Config, Configurable

from docs.blocks import PROJECT, Block, blocks
from yarnhub.integrations.jupyterhub.spawner import YarnSpawner

PAGES = [PROJECT / "docs" / folder / "hub.md" for folder in ("tutorial", "howto")]
CLASSES: dict[str, type[Configurable]] = {
    each.__name__: each for each in (JupyterHub, Authenticator, ConfigurableHTTPProxy, YarnSpawner)
}
BLOCKS = [block for page in PAGES for block in blocks(page) if block.language == "python"]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_configuration_is_taken(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIGPROXY_AUTH_TOKEN", "of the hub's service unit")
    config = Config()
    exec(block.text, {"c": config, "__name__": "jupyterhub_config"})
    assert config
    for name, section in config.items():
        known = CLASSES[name]
        assert set(section) - set(known.class_trait_names(config=True)) == set()
        known(config=config)  # refuses what a setting does not take
