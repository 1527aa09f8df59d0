"""The environment of a user's server, as the hub finds it for the user."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from environments.published.in_fake_hdfs import Environments
from integrations.jupyterhub.spawning import Spawner, make_spawner
from sessions.in_memory import SETTINGS, OneSession
from yarnhub.integrations.jupyterhub.refusals import Refusal
from yarnhub.kernels.environment import Environment
from yarnhub.spec import FileVisibility

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.spec import ApplicationSpec

SERVER = ("jupyterhub", "jupyterlab", "yarnhub")


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environments:
    monkeypatch.setattr(Spawner, "cluster_settings", lambda _: SETTINGS)
    found = Environments(tmp_path / "hdfs")
    found.use(monkeypatch)
    return found


async def submitted(**settings: Any) -> ApplicationSpec:
    """The application of alice's server; its start is given up."""
    spawner = make_spawner(OneSession(), **settings)
    starting = asyncio.ensure_future(spawner.start())  # noqa: TID251  # ended below
    while not spawner.where.asked:
        if starting.done():
            starting.result()
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait([starting])
    found: ApplicationSpec = spawner.where.asked[-1]
    return found


async def test_a_server_runs_in_a_published_environment(environments: Environments) -> None:
    lab = await environments.publish("alice", "lab", packages=SERVER)
    found = await submitted(server_environment="lab", prologue="module load cuda")
    service = found.services["jupyterhub"]
    assert service.files == {"environment": lab.file()}
    assert service.files["environment"].visibility is FileVisibility.PRIVATE
    assert service.script.startswith(f"{Environment(archive=lab.file()).prologue}module load cuda")
    assert f"yarnhub-env:{lab.manifest.key}" in found.tags


async def test_a_profile_names_an_environment_of_another_user(environments: Environments) -> None:
    await environments.publish("bob", "lab", packages=SERVER)
    profiles = [
        {"display_name": "Plain", "default": True},
        {"display_name": "Lab", "yarn_override": {"server_environment": "bob/lab"}},
    ]
    chosen = {"profile_list": profiles, "user_options": {"profile": "lab"}}
    with pytest.raises(Refusal, match="no environment bob/lab in"):
        await submitted(**chosen)
    await environments.share("alice", owner="bob", name="lab")
    assert (await submitted(**chosen)).services["jupyterhub"].files.keys() == {"environment"}
    assert (await submitted(profile_list=profiles)).services["jupyterhub"].files == {}


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("/opt/science", "export PATH=/opt/science/bin:"),
        ("hdfs:///environments/e.tar.gz", 'export PATH="$PWD"/environment/bin:'),
    ],
)
async def test_archives_and_folders(environments: Environments, value: str, line: str) -> None:
    service = (await submitted(server_environment=value)).services["jupyterhub"]
    assert line in service.script
    assert [each.source for each in service.files.values()] == [value] * ("://" in value)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"server_environment": "nosuch"}, "alice has no environment nosuch"),
        ({"server_environment": "plain"}, "plain has no jupyterhub and no yarnhub, which"),
        ({"server_environment": "file:///etc/secret.tar.gz"}, "a file system of the cluster"),
        ({"server_environment": "/etc/secret file"}, "server_environment: folder: must be"),
        ({"server_environment": "hdfs:///e.txt"}, "server_environment: archive: is not an archive"),
        (
            {"server_environment": "lab", "localize_files": {"environment": "hdfs:///e.tar.gz"}},
            "localize_files: environment is the server's environment",
        ),
    ],
)
async def test_what_cannot_run_a_server_is_refused(
    environments: Environments, settings: dict[str, Any], problem: str
) -> None:
    await environments.publish("alice", "lab", packages=SERVER)
    await environments.publish("alice", "plain", packages=("tabulate",))
    with pytest.raises(Refusal, match=problem):
        await submitted(**settings)


async def test_an_archive_of_the_hub_itself_cannot_be_named(environments: Environments) -> None:
    """An unlisted choice can be any text of a user."""
    service = (await submitted(server_environment="/home/hub/secret.tar.gz")).services
    assert service["jupyterhub"].files == {}
