"""The page on kernels is right."""

from __future__ import annotations

import re

from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

from docs.blocks import PROJECT, blocks
from yarnhub.integrations.kernels.kernel_manager import YarnhubKernelManager

PAGE = PROJECT / "docs" / "howto" / "kernels.md"


def test_the_configuration_of_the_page() -> None:
    (text,) = [each.text for each in blocks(PAGE) if "test_page.py" in each.remark]
    config = Config()
    exec(text, {"c": config})
    server = ServerApp(config=config)
    try:
        assert server.kernel_manager_class is YarnhubKernelManager
        assert server.session_manager_class.__module__.startswith("yarnhub.")
        assert server.kernel_websocket_connection_class.__module__.startswith("yarnhub.")
        assert server.jpserver_extensions["yarnhub.integrations.kernels"]
    finally:
        ServerApp.clear_instance()


def test_the_page_has_all_settings() -> None:
    own = YarnhubKernelManager.class_own_traits(config=True)
    found = re.findall(r"^\| `c\.YarnhubKernelManager\.(\w+)`", PAGE.read_text(), re.MULTILINE)
    assert sorted(found) == sorted(own)
    assert all(trait.help for trait in own.values())
