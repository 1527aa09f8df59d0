from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.appmaster.shell.scheduler import scheduler_addresses
from yarnhub.hadoop.address import Address

if TYPE_CHECKING:
    from pathlib import Path

SUBMITTED = ("rm1:8030", "rm2:8030")
RESOURCE_MANAGERS = [Address("rm1", 8030), Address("rm2", 8030)]


def site(folder: Path, **values: str) -> dict[str, str]:
    """The environment of a node that is configured so."""
    properties = "".join(
        f"<property><name>yarn.nodemanager.amrmproxy.{name}</name><value>{value}</value></property>"
        for name, value in values.items()
    )
    (folder / "yarn-site.xml").write_text(f"<configuration>{properties}</configuration>")
    return {"HADOOP_CONF_DIR": str(folder), "NM_HOST": "node-7"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, RESOURCE_MANAGERS),
        ({"enabled": "false", "address": "here:1"}, RESOURCE_MANAGERS),
        ({"enabled": "true"}, [Address("node-7", 8049)]),
        ({"enabled": "TRUE", "address": "0.0.0.0:9"}, [Address("node-7", 9)]),
        ({"enabled": "true", "address": "proxy:9"}, [Address("proxy", 9)]),
        ({"enabled": "true", "address": "${yarn.nodemanager.hostname}:9"}, [Address("node-7", 9)]),
        ({"enabled": "true", "address": "proxy:port"}, RESOURCE_MANAGERS),
    ],
)
def test_a_nodes_proxy_stands_for_the_scheduler(
    values: dict[str, str], expected: list[Address], tmp_path: Path
) -> None:
    assert scheduler_addresses(SUBMITTED, site(tmp_path, **values)) == expected


def test_a_node_that_tells_nothing_has_none(tmp_path: Path) -> None:
    assert scheduler_addresses(SUBMITTED, {}) == RESOURCE_MANAGERS
    assert (
        scheduler_addresses(SUBMITTED, {"HADOOP_CONF_DIR": str(tmp_path / "none")})
        == RESOURCE_MANAGERS
    )
    (tmp_path / "yarn-site.xml").write_text("<configuration")
    assert scheduler_addresses(SUBMITTED, {"HADOOP_CONF_DIR": str(tmp_path)}) == RESOURCE_MANAGERS
