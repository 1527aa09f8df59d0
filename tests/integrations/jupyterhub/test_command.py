"""The command that runs a server."""

from __future__ import annotations

import pytest

from yarnhub.integrations.jupyterhub.command import with_our_program

OURS = "-m yarnspawner.singleuser"


@pytest.mark.parametrize(
    ("command", "run"),
    [
        (["jupyterhub-singleuser"], [f"python3 {OURS}"]),
        (["/opt/jupyter/bin/jupyterhub-singleuser"], [f"/opt/jupyter/bin/python3 {OURS}"]),
        (
            ["environment/bin/jupyter-labhub", "--debug"],
            [f"environment/bin/python3 {OURS}", "--debug"],
        ),
        (["nice jupyterhub-singleuser --debug"], [f"nice python3 {OURS} --debug"]),
        (["python", "-m jupyterhub.singleuser"], ["python", OURS]),
        (["/opt/bin/python -m jupyterlab.labhubapp"], [f"/opt/bin/python {OURS}"]),
    ],
)
def test_jupyterhubs_own_names_stand_for_ours(command: list[str], run: list[str]) -> None:
    assert with_our_program(command) == run


@pytest.mark.parametrize(
    "command",
    ["python -m yarnspawner.singleuser", "./jupyterhub-singleuser.sh", "my-jupyterhub-singleuser"],
)
def test_all_else_is_as_it_was_written(command: str) -> None:
    assert with_our_program([command]) == [command]
