"""The applications in the folder `examples`, as their page shows them."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from docs.blocks import PROJECT, blocks
from yarnhub.hadoop.conf import Configuration
from yarnhub.yarn.addresses import web_proxies

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.cluster


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of an example's folder, with an environment that is the tests' own."""

    def copy(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(PROJECT / "examples" / name, folder)
        activate = f"PATH={Path(sys.executable).parent}:$PATH\n".encode()
        with tarfile.open(folder / "environment.tar.gz", "w:gz") as archive:
            entry = tarfile.TarInfo("bin/activate")
            entry.size = len(activate)
            archive.addfile(entry, io.BytesIO(activate))
        return folder

    return copy


def test_the_echo_server(skein: Any, example: Callable[[str], Path]) -> None:
    folder = example("echo_server")
    (page,) = [
        one for one in blocks(PROJECT / "docs/howto/services.md") if one.language == "console"
    ]
    lines = page.text.splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    shown = [line for line in lines if not line.startswith("$ ")]
    binaries = Path(sys.executable).parent
    env = {**skein.env, "PATH": f"{binaries}:{skein.env['PATH']}"}
    # The application's id is needed to end it, whatever happens.
    script = "\n".join(["set -e", commands[0], "echo $APPID", *commands[1:]])
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    app_id, *said = done.stdout.splitlines()
    skein.submitted.append(app_id)
    assert (done.returncode, done.stderr, said) == (0, "", shown)


def test_the_dashboard(
    skein: Any, example: Callable[[str], Path], eventually: Callable[[Callable[[], bool]], None]
) -> None:
    folder = example("dashboard")
    app_id = skein.out("application", "submit", str(folder / "dashboard.yaml")).strip()
    skein.submitted.append(app_id)

    (proxy,) = web_proxies(Configuration.load(Path(skein.env["HADOOP_CONF_DIR"])))

    def read(path: str) -> str:
        return httpx.get(f"{proxy}/proxy/{app_id}/{path}", timeout=60).text

    eventually(lambda: 'href="./pages/dashboard/"' in read("overview"))
    assert "<h1>Load of localhost</h1>" in read("pages/dashboard/")
    skein.out("application", "shutdown", app_id)
