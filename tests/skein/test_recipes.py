"""What the programs for services have in common."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from yarnhub.integrations.recipes.program import prepare_folders

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
