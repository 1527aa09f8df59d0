"""Settings of clusters that are only configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnhub.client.access.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


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
