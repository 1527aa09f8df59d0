"""Settings of clusters that are only configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.hadoop.address import Address


def site(folder: Path, **properties: str) -> Path:
    folder.mkdir(exist_ok=True)
    body = "".join(
        f"<property><name>{name.replace('__', '-').replace('_', '.')}</name>"
        f"<value>{value}</value></property>"
        for name, value in properties.items()
    )
    (folder / "core-site.xml").write_text(f"<configuration>{body}</configuration>")
    return folder


def settings(tmp_path: Path, **changes: str) -> Settings:
    variables = {"HADOOP_CONF_DIR": str(site(tmp_path / "conf")), "HOME": str(tmp_path)}
    return Settings.from_environment(variables | changes)


def other(found: Settings, user: Any) -> Settings:
    import dataclasses

    return dataclasses.replace(found, user=user, user_name="hub")


def managed_by(address: Address, folder: Path) -> Settings:
    return Settings(
        configuration=Configuration({"yarn.resourcemanager.address": str(address)}),
        user=SimpleUser("hub"),
        user_name="hub",
        config_folder=folder,
        cache_folder=folder,
        language="C",
        options=RpcOptions(),
    )
