"""Applications held by this process, on real clusters."""

from __future__ import annotations

import asyncio
import getpass
import stat
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.walk import SKEIN
from unmanaged.held import alive, hold, kill_all, spec
from yarnhub.appmaster.core.actions import Action, Finish
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.events import Event, Heartbeat
from yarnhub.base.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionLostError,
    ControlError,
    DeadlineExceededError,
    SpecError,
)
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.access.settings import Settings
from yarnhub.client.application.client import ApplicationClient
from yarnhub.client.client import Client
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.control.messages import ContainerState, Entry, FinalStatus
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.filesystem.delegation import NameNodeTokens
from yarnhub.hadoop.wire import tokens as wire
from yarnhub.hadoop.wire.identifiers import HDFS, read_identifier
from yarnhub.spec import File, Master, Security
from yarnhub.unmanaged import UnmanagedApplication, UnmanagedApplications
from yarnhub.yarn.records.applications import FinalApplicationStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

REPORT = f"{SKEIN} kv put current --key $SKEIN_CONTAINER_ID --value here || exit 9"


@pytest.fixture
def settings(hadoop_cluster: HadoopCluster, tmp_path: Path) -> Settings:
    env = {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / "config")}
    return Settings.from_environment(env)


@pytest.fixture
async def applications(settings: Settings, tmp_path: Path) -> AsyncIterator[UnmanagedApplications]:
    async with hold(settings, tmp_path) as applications:
        yield applications
        await kill_all(applications)


async def staged(settings: Settings, application_id: str) -> bool:
    async with user_file_system(settings) as file_system:
        return (
            await file_system.status(f"{await file_system.home()}/.skein/{application_id}")
            is not None
        )


async def test_from_the_submission_to_the_end(
    applications: UnmanagedApplications, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("shipped")
    script = f"{REPORT}; {SKEIN} kv get current --key go --wait; cat text"
    file = File(source=str(tmp_path / "text"))
    application = await applications.submit(spec(script, files={"text": file}))
    assert applications[application.id] is application
    assert list(applications) == [application.id]
    async with asyncio.timeout(60):
        entry = await application.keys.wait("s_0")
    assert entry.value == b"here"
    assert [each.id for each in await application.get_containers()] == ["s_0"]
    assert await staged(settings, application.id)
    async with Client(settings) as client:
        report = await client.application_report(application.application_id)
        assert report.unmanaged_application
        assert report.app_resource_usage.num_used_containers == 1, "its own, and no more"
    await application.keys.put("go", b"")
    end = Finish(FinalStatus.SUCCEEDED, Outcome(cause=Cause.FINISHED, subject=Subject.APPLICATION))
    assert await application.ended(deadline=60) == end
    assert not applications
    assert not await staged(settings, application.id)
    with pytest.raises(ControlError, match="has ended"):
        await application.get_containers()
    async with Client(settings) as client:
        # YARN shows it as running for a moment longer than its ApplicationMaster does.
        report = await client.wait(application.application_id, deadline=60)
    assert report.final_application_status is FinalApplicationStatus.SUCCEEDED
    kept = sorted(each.name for each in (tmp_path / "held").iterdir())
    assert kept == ["lock", "port", "tag"]


async def test_many_at_once_each_with_its_own_key(
    applications: UnmanagedApplications,
) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [group.create_task(applications.submit(spec())) for _ in range(3)]
    a, b, _ = [task.result() for task in tasks]
    await a.scale("s", count=2)
    assert {len(await each.get_containers()) for each in (a, b)} == {1, 2}
    address = f"{applications.host}:{applications.port}"
    async with AsyncExitStack() as stack:
        own = ApplicationClient(a.id, address, Credentials(*a.pair))
        await (await stack.enter_async_context(own)).keys.put("k", b"v")
        stolen = await stack.enter_async_context(
            ApplicationClient(b.id, address, Credentials(*a.pair))
        )
        with pytest.raises(Exception, match="a different one"):
            await stolen.keys.put("k", b"v")
    assert await a.keys.get_range() == (Entry(key="k", value=b"v"),)
    assert await b.keys.get_range() == ()


async def test_a_pair_that_the_specification_names(
    applications: UnmanagedApplications, settings: Settings
) -> None:
    own = Credentials.generate()
    security = Security(cert_bytes=own.certificate, key_bytes=own.key)
    application = await applications.submit(spec(master=Master(security=security)))
    async with Client(settings) as client:
        connected = await client.connect(application.application_id, credentials=own)
        async with connected:
            await connected.keys.put("k", b"v")
    assert await application.keys.get("k") == Entry(key="k", value=b"v")


async def test_an_application_that_somebody_kills_by_yarn(
    applications: UnmanagedApplications, settings: Settings
) -> None:
    killed, other = [await applications.submit(spec()) for _ in range(2)]
    async with Client(settings) as client:
        await client.kill(killed.application_id)
    end = await killed.ended(deadline=60)
    assert end.status is FinalStatus.KILLED
    assert "killed by user" in end.diagnostics
    assert list(applications) == [other.id]
    await other.keys.put("k", b"v")


async def test_a_fault_of_ours_ends_no_container(
    applications: UnmanagedApplications, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, other = [await applications.submit(spec()) for _ in range(2)]
    await application.keys.put("k", b"v")
    async with asyncio.timeout(60):
        while not await application.get_containers(states=[ContainerState.RUNNING]):
            await asyncio.sleep(0.05)
    (container,) = await application.get_containers()
    faulty, handle = application.core, Application.handle

    def fail(core: Application, event: Event, now: float) -> Sequence[Action]:
        if core is faulty and isinstance(event, Heartbeat):
            raise ZeroDivisionError("a bug")
        return handle(core, event, now)

    monkeypatch.setattr(Application, "handle", fail)
    async with asyncio.timeout(60):
        while application.core is faulty or application.runner is None:
            await asyncio.sleep(0.05)
        await application.runner.begun.wait()
    assert await application.keys.get("k") == Entry(key="k", value=b"v")
    (same,) = await application.get_containers()
    assert same.yarn_container_id == container.yarn_container_id
    assert same.state is ContainerState.RUNNING
    assert application.id in applications
    assert len(await other.get_containers()) == 1


async def test_who_waits_for_one_that_is_left_is_told_that_it_runs_on(
    settings: Settings, tmp_path: Path
) -> None:
    async with hold(settings, tmp_path) as applications:
        application = await applications.submit(spec())
        with pytest.raises(DeadlineExceededError, match="keeps running"):
            await application.ended(deadline=0.01)
    for request in (application.ended(), application.get_containers()):
        with pytest.raises(ConnectionLostError, match="no longer held by this process"):
            await request
    async with hold(settings, tmp_path) as applications:
        await kill_all(applications)


# --- what leaves nothing behind


async def test_what_cannot_be_submitted_is_refused_in_words(
    applications: UnmanagedApplications, settings: Settings, tmp_path: Path
) -> None:
    before = await alive(settings)
    with pytest.raises(SpecError, match=r"master.script: an unmanaged application has no cont"):
        await applications.submit(spec(master=Master(script="echo")))
    with pytest.raises(ApplicationFailedError, match="unknown queue"):
        await applications.submit(spec(queue="nowhere"))
    with pytest.raises(SpecError, match="does not exist"):
        await applications.submit(spec(files={"a": File(source="/missing")}))
    pair = Security(cert_bytes=b"no", key_bytes=b"pair")
    with pytest.raises(SpecError, match=r"master.security: not a certificate"):
        await applications.submit(spec(master=Master(security=pair)))
    assert not applications
    assert sorted(each.name for each in (tmp_path / "held").iterdir()) == ["lock", "port", "tag"]
    assert await alive(settings) <= before


@pytest.mark.parametrize("turns", [0, 10, 20, 30, 40, 60, 80])
async def test_cancelling_a_submission_leaves_nothing_behind(
    applications: UnmanagedApplications, settings: Settings, tmp_path: Path, turns: int
) -> None:
    before = await alive(settings)
    (tmp_path / "text").write_text("shipped")
    file = File(source=str(tmp_path / "text"))
    async with asyncio.TaskGroup() as group:
        submission = group.create_task(applications.submit(spec(files={"text": file})))
        for _ in range(turns):
            if submission.done():
                break
            await asyncio.sleep(0.005)
        submission.cancel()
    if not submission.cancelled():
        await submission.result().kill()
    async with asyncio.timeout(60):
        while applications or await alive(settings) - before:
            await asyncio.sleep(0.05)
    kept = {each.name for each in (tmp_path / "held").iterdir()}
    assert kept <= {"lock", "port", "tag"}


async def test_cancelling_a_submission_that_has_begun_leaves_nothing_behind(
    applications: UnmanagedApplications, settings: Settings, tmp_path: Path
) -> None:
    before = await alive(settings)
    async with asyncio.TaskGroup() as group:
        submission = group.create_task(applications.submit(spec()))
        while not applications:
            await asyncio.sleep(0)
        submission.cancel()
    assert submission.cancelled()
    assert not applications
    assert await alive(settings) <= before
    kept = {each.name for each in (tmp_path / "held").iterdir()}
    assert kept <= {"lock", "port", "tag"}


async def test_a_deadline_that_passes_leaves_nothing_behind(
    applications: UnmanagedApplications, settings: Settings
) -> None:
    before = await alive(settings)
    with pytest.raises(DeadlineExceededError, match=r"did not accept unmanaged within 0\.001 s"):
        await applications.submit(spec(), deadline=0.001)
    assert not applications
    assert await alive(settings) <= before


async def test_a_folder_is_held_by_one_process_and_private(
    applications: UnmanagedApplications, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="run by another process already"):
        async with hold(settings, tmp_path):
            pass
    application = await applications.submit(spec())
    folder = tmp_path / "held"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
    open_to_others = tmp_path / "open"
    open_to_others.mkdir(mode=0o755)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        async with UnmanagedApplications(settings, folder=open_to_others):
            pass
    assert application.id in applications


# --- with Kerberos


@pytest.fixture
def public() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


async def test_a_proxy_user_holds_applications_of_others(
    kerberos_cluster: HadoopCluster,
    tmp_path: Path,
    public: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.env["KRB5_CONFIG"])
    ticket = tmp_path / "ticket"
    await kerberos_cluster.kinit("jupyterhub", ticket)
    env = {**kerberos_cluster.env, "KRB5CCNAME": f"FILE:{ticket}", "SKEIN_CONFIG": str(tmp_path)}
    settings = Settings.from_environment(env)
    (tmp_path / "text").write_text("shipped")
    file = File(source=str(tmp_path / "text"))
    script = f"(id -un; cat text) > {public}/began && mv {public}/began {public}/out; sleep 100"
    async with hold(settings, tmp_path) as applications:
        application: UnmanagedApplication | None = None
        try:
            application = await applications.submit(
                spec(script, user="alice", files={"text": file})
            )
            async with asyncio.timeout(60):
                while not (public / "out").exists():
                    await asyncio.sleep(0.05)
            assert (public / "out").read_text() == "alice\nshipped"
            assert (public / "out").owner() == "alice" != getpass.getuser()
            tokens = wire.TokenStorage.read((await application.get_tokens(0, patience=20)).tokens)
            fresh = tokens.find(HDFS)
            assert fresh is not None
            assert read_identifier(fresh).owner == "alice"
            assert read_identifier(fresh).renewer == "jupyterhub"
        finally:
            await kill_all(applications)
        assert application is not None
    with pytest.raises(AuthenticationError, match="unknown token"):
        await NameNodeTokens("", settings.configuration).renew(settings.user, fresh)
    assert not await staged(settings.acting_for("alice"), application.id)
