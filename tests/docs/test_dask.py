"""What the page on Dask says of the configuration."""

from __future__ import annotations

from traitlets.config import Config

from docs.blocks import PROJECT, blocks
from yarnhub.integrations.dask_gateway import YarnBackend
from yarnhub.integrations.dask_gateway.cluster_config import YarnClusterConfig
from yarnhub.sessions.limits import Limit

PAGE = PROJECT / "docs" / "howto" / "dask.md"
GIB = 2**30


def test_the_limits_of_the_page_are_taken() -> None:
    (block,) = (each for each in blocks(PAGE) if "user_limit" in each.text)
    config = Config()
    exec(block.text, {"c": config})
    limits = YarnBackend(config=config).limits()
    assert limits.user == Limit(count=2, memory=256 * GIB, vcores=64)
    assert limits.users == {"alice": Limit(memory=1024 * GIB)}
    assert limits.groups == {"students": Limit(vcores=200)}
    assert limits.total == Limit(memory=4096 * GIB)


def test_the_environments_of_the_page_are_taken() -> None:
    (block,) = (each for each in blocks(PAGE) if "cluster_environment" in each.text)
    config = Config()
    exec(block.text, {"c": config})
    assert YarnClusterConfig(config=config).cluster_environment == "platform/dask"
    chosen = config.Backend.cluster_options.parse_options({"environment": "mine"})
    targets = {each.target for each in config.Backend.cluster_options.fields}
    assert (chosen, targets) == ({"environment": "mine"}, {"cluster_environment"})
