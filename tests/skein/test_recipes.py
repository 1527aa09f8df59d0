"""What the programs for services have in common."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from appmaster.shell.server.serving import ID, PAIR
from yarnhub.control import bootstrap, environment
from yarnhub.hadoop.wire import tokens
from yarnhub.integrations.recipes.recipe import prepare_folders

if TYPE_CHECKING:
    from client.living import Living
    from skein.application_client import ApplicationClient

OPTIONS = {"ipython_kernel": "--kernel-info-key", "jupyter_notebook": "--notebook-info-key"}

SPEC = """\
name: recipe

services:
  recipe:
    resources:
      memory: 1024
      vcores: 1
    env:
      HOME: /nosuch
    script: |
      source {environment}/bin/activate
      python -m skein.recipes.{recipe}
"""


def run(recipe: str, *arguments: str) -> object:
    return importlib.import_module(f"skein.recipes.{recipe}").main(arguments)


@pytest.mark.parametrize("recipe", OPTIONS)
def test_it_runs_in_a_container_only(
    recipe: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKEIN_APPMASTER_ADDRESS", raising=False)
    assert run(recipe) == 1
    assert capsys.readouterr().err == "Error: Not running inside a container\n"


@pytest.mark.parametrize(("recipe", "option"), OPTIONS.items())
def test_it_explains_itself(recipe: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(recipe, "--help")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"usage: python -m skein.recipes.{recipe} " in shown
    assert f"{option} KEY" in shown


@pytest.fixture
def container(living: Living, tmp_path: Path) -> dict[str, str]:
    """The variables of a container of an application in this process."""
    file = tmp_path / "container_tokens"
    secrets = {bootstrap.CERTIFICATE: PAIR.certificate, bootstrap.KEY: PAIR.key}
    file.write_bytes(tokens.TokenStorage({}, secrets).write())
    return {
        environment.APPLICATION_ID: ID,
        environment.APPMASTER_ADDRESS: f"localhost:{living.port}",
        environment.CONTAINER_ID: "worker_0",
        "HADOOP_TOKEN_FILE_LOCATION": str(file),
        "NM_HOST": "localhost",
        "HOME": "/nosuch",
    }


def test_a_kernel_publishes_its_connection_file(
    container: dict[str, str], app: ApplicationClient, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "skein.recipes.ipython_kernel", "--kernel-info-key", "k"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, **container},  # noqa: TID251
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as kernel:
        try:
            found = json.loads(app.kv.wait("k"))
        finally:
            kernel.kill()
    assert found["ip"] == "127.0.0.1"
    assert len(found["key"]) >= 32


# Serves until the application has its address, and then ends as by its Quit button.
NOTEBOOK = """\
import asyncio, types
from skein import ApplicationClient

class Server:
    ip, port, certfile, base_url = "0.0.0.0", 8888, "", "/"
    identity_provider = types.SimpleNamespace(token="secret")

    @classmethod
    def initialize_server(cls, argv, ip, allow_root):
        assert argv == ["--no-browser", "--port", "1"] and ip == "localhost"
        server = cls()
        server.io_loop = server
        return server

    def add_callback(self, function):
        self.callback = function

    def start(self):
        async def serve():
            self.callback()
            with ApplicationClient.from_current() as app:
                print(await asyncio.to_thread(app.kv.wait, "jupyter.notebook.info"))
        asyncio.run(serve())

    def stop(self):
        raise AssertionError

JupyterNotebookApp = Server
"""


def test_a_notebook_server_publishes_its_address(
    container: dict[str, str], app: ApplicationClient, tmp_path: Path
) -> None:
    (tmp_path / "notebook").mkdir()
    (tmp_path / "notebook" / "app.py").write_text(NOTEBOOK)
    command = [sys.executable, "-m", "skein.recipes.jupyter_notebook", "--port", "1"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, **container, "PYTHONPATH": str(tmp_path)},  # noqa: TID251
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(app.kv["jupyter.notebook.info"]) == {
        "protocol": "http",
        "host": "localhost",
        "port": 8888,
        "base_url": "/",
        "token": "secret",
    }


def test_jupyter_keeps_its_files_in_the_container(tmp_path: Path) -> None:
    variables = {"JUPYTER_CONFIG_DIR": "/mine"}
    prepare_folders(variables, tmp_path)
    assert variables.pop("JUPYTER_CONFIG_DIR") == "/mine"
    assert set(variables) == {"JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"}
    assert all(value.startswith(str(tmp_path)) for value in variables.values())


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("recipe", "key", "said"),
    [
        ("ipython_kernel", "ipython.kernel.info", "the package `ipykernel` cannot"),
        (
            "jupyter_notebook",
            "jupyter.notebook.info",
            "the package `notebook`, version 7 or newer",
        ),
    ],
)
def test_an_environment_without_its_package_is_said_to_be_so(
    recipe: str, key: str, said: str, skein: Any, tmp_path: Path
) -> None:
    # The tests' own, as if it had this project and nothing of Jupyter.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "activate").write_text(
        f"PATH={Path(sys.executable).parent}:$PATH\nexport PYTHONPATH={tmp_path}\n"
    )
    for package in "ipykernel", "notebook":
        (tmp_path / f"{package}.py").write_text("raise ImportError('not installed')\n")
    app_id = skein.submit(SPEC.format(environment=tmp_path, recipe=recipe))
    error = skein.error("kv", "get", app_id, "--key", key, "--wait")
    assert "Failure in service recipe: recipe_0 ended. Exit code 1" in error
    assert said in skein.out("application", "logs", app_id)
