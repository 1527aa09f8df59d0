"""Spark in a user's server, as far as the hub is concerned."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from traitlets import TraitError

import yarnspawner
from integrations.jupyterhub.spawning import Spawner, make_spawner
from integrations.spark import example
from kernels.companions_in_memory import Client, Yarn
from sessions.in_memory import SETTINGS, TAGS, OneSession
from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import ConfigurationError, RemoteProtocolError, YarnhubError
from yarnhub.control.outcomes import Outcome
from yarnhub.integrations.jupyterhub.hub_sessions import HubSessions
from yarnhub.integrations.jupyterhub.singleuser import SPARK
from yarnhub.integrations.spark import servers
from yarnhub.kernels import companions, spark
from yarnhub.kernels.protocol import Ask, Request, line
from yarnhub.kernels.server_applications import ServerApplications
from yarnhub.sessions.session import SessionEnd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OWN = f"kernel-{TAGS.session('alice', 'alice', '')}"
COMMON = f"{TAGS.all_sessions}-companion"


@pytest.fixture
async def yarn(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Yarn]:
    """A cluster with a published Spark, and a hub whose spawners find it there."""
    yarn = Yarn()
    monkeypatch.setattr(companions, "Client", lambda settings: Client(yarn, settings))

    async def found(file_system: object, root: str, version: str) -> Any:
        assert file_system
        if (root, version) not in {("/yarnhub/spark", ""), ("/ours", "4.3.0")}:
            raise ConfigurationError(f"Spark {version} is not published in {root}")
        return example.SPARK

    class Files:
        async def __aenter__(self) -> object:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(servers, "find_version", found)
    monkeypatch.setattr(servers, "user_file_system", lambda *_: Files())
    assert yarnspawner.YarnSpawner.find_spark is servers.find
    monkeypatch.setattr(Spawner, "cluster_settings", lambda _: SETTINGS)
    async with BackgroundTasks() as tasks:
        applications = ServerApplications(SETTINGS, TAGS, tasks)
        monkeypatch.setattr(HubSessions, "applications", lambda *_: applications)
        yield yarn


async def begun(spawner: Spawner) -> Any:
    """The service of a server that has been submitted; its start is given up."""
    starting = asyncio.ensure_future(spawner.start())  # noqa: TID251  # ended below
    where: Any = spawner.where
    while not where.asked:
        assert not starting.done(), starting
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait([starting])
    return where.asked[-1].services["jupyterhub"]


async def test_a_server_gets_spark_s_files_and_variables(yarn: Yarn) -> None:
    yarn.add("of the former server", "alice", COMMON, OWN)
    archive = {"source": "hdfs:///e/science.tar.gz", "type": "archive"}
    service = await begun(
        make_spawner(
            OneSession(),
            spark="4.3.0",
            spark_root="/ours",
            spark_settings={"spark.executor.memory": "4g"},
            localize_files={"environment": archive},
        )
    )
    assert {"environment", "__spark_libs__", "pyspark.zip"} <= service.files.keys()
    told = json.loads(service.env[SPARK])
    assert told["version"] == example.SPARK.version
    assert told["settings"] == {"spark.executor.memory": "4g", "spark.yarn.queue": "default"}
    assert told["archives"] == {"environment": "hdfs:///e/science.tar.gz"}
    assert service.env["YARNHUB_TAGS"] == f"{COMMON},{OWN}"
    assert yarn.killed == [("of the former server", "alice")]
    assert SPARK == spark.VARIABLE


@pytest.mark.usefixtures("yarn")
async def test_a_profile_may_have_spark_and_others_not() -> None:
    profiles = [
        {"display_name": "Plain", "default": True},
        {"display_name": "Spark", "yarn_override": {"spark": "newest"}},
    ]
    with_spark = make_spawner(OneSession(), profile_list=profiles)
    with_spark.user_options = {"profile": "spark"}
    assert SPARK in (await begun(with_spark)).env
    plain = make_spawner(OneSession(), profile_list=profiles)
    assert SPARK not in (await begun(plain)).env
    assert "starts_applications_as" not in plain.get_state()


@pytest.mark.usefixtures("yarn")
@pytest.mark.parametrize(
    ("traits", "problem"),
    [
        ({"spark": "9.9"}, "Spark 9.9 is not published in /yarnhub/spark"),
        ({"spark": "newest", "spark_settings": {"executor.memory": "1g"}}, "settings of Spark"),
        (
            {"spark": "newest", "localize_files": {"pyspark.zip": "hdfs:///mine.zip"}},
            "localize_files: pyspark.zip is a file of Spark",
        ),
    ],
)
async def test_what_cannot_work_is_refused_in_words(traits: dict[str, Any], problem: str) -> None:
    spawner = make_spawner(OneSession(), **traits)
    with pytest.raises(YarnhubError, match=problem):
        await spawner.server_spark.added(await spawner.chosen_request())
    with pytest.raises(TraitError):
        make_spawner(OneSession(), spark_settings={"spark.executor.cores": 4})


async def test_what_kernels_have_started_ends_with_the_server(yarn: Yarn) -> None:
    spawner = make_spawner(OneSession(), spark="newest")
    await begun(spawner)
    yarn.add("session", "alice", COMMON, OWN)
    await spawner.stop()
    assert yarn.killed == [("session", "alice")]


async def test_a_restarted_hub_answers_and_ends_what_the_one_before_has_started(
    yarn: Yarn,
) -> None:
    first = make_spawner(OneSession(), spark="newest")
    await begun(first)
    kept = json.loads(json.dumps(first.get_state()))
    where = OneSession()
    # The setting may have been removed in the meantime.
    second = make_spawner(where)
    second.load_state(kept)
    yarn.add("session", "alice", COMMON, OWN)
    answer = await second.answer(line(Request(ask=Ask.TOKENS)))
    assert json.loads(answer)["size"] == 0  # a cluster without security

    where.found = SessionEnd(1, Outcome.of_message("its node was lost"))
    assert await second.poll() == 1
    second.clear_state()
    while not yarn.killed:
        await asyncio.sleep(0)
    assert yarn.killed == [("session", "alice")]
    assert second.get_state() == {"ended_because": "its node was lost"}


@pytest.mark.usefixtures("yarn")
async def test_servers_without_spark_have_nothing_to_ask_for() -> None:
    spawner = make_spawner(OneSession())
    await begun(spawner)
    with pytest.raises(RemoteProtocolError, match="no Spark"):
        await spawner.answer(line(Request(ask=Ask.TOKENS)))
