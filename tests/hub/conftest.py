"""Hubs on both kinds of cluster, and a browser for their users."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from visitor import Visitor, browser

from hub.hub import PROJECT, Hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser


@pytest.fixture(scope="session")
def shared_python() -> Iterator[Path]:
    """A Python with JupyterLab that containers of every OS user can run."""
    folder = Path(tempfile.mkdtemp(prefix="yarnhub-python-"))  # pytest's own folders are private
    folder.chmod(0o755)
    bin_folder = Path(sys.executable).parent
    uv = shutil.which("uv", path=f"{bin_folder}{os.pathsep}{os.environ['PATH']}") or "uv"  # noqa: TID251
    # uv keeps the wheel of a project for as long as its pyproject.toml is the same.
    wheel = ("--no-editable", "--reinstall-package", "yarnhub")
    packages = ("--locked", "--no-default-groups", "--extra", "lab", *wheel)
    python = Path(sys.executable).resolve()
    try:
        # Relocatable: it may be packed, too.
        subprocess.run(
            [uv, "venv", "-q", "--clear", "--relocatable", "--python", python, folder],
            check=True,
            timeout=60,
        )
        subprocess.run(
            [uv, "sync", "-q", *packages, "--project", PROJECT, "--python", python],
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)},  # noqa: TID251
            check=True,
            timeout=300,
        )
        yield folder / "bin" / "python"
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are kept: the folder that `YARNHUB_SCREENSHOTS` names, if it does."""
    named = os.environ.get("YARNHUB_SCREENSHOTS")  # noqa: TID251  # chosen for one run
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with browser() as chromium:
        yield chromium


@pytest_asyncio.fixture(loop_scope="module")
async def alice(
    hub: Hub, chromium: Browser, screenshots: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Visitor]:
    """Alice, who is logged in; in the end her server is stopped, and what she saw last is kept."""
    context = await chromium.new_context()
    visitor = Visitor(await context.new_page(), hub.url, "alice")
    try:
        await visitor.log_in(hub.password)
        yield visitor
    finally:
        await visitor.page.screenshot(path=screenshots / f"{request.node.name}.png")
        await context.close()
        await hub.stop_server("alice")
