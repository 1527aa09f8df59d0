"""Kernels of an earlier process, found by a holder on a cluster that does not respond."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kernels.contract import kernel_request
from unmanaged.damage import GOOD, journal, offline, record
from yarnhub.base.errors import (
    ConfigurationError,
    ConnectError,
    DeadlineExceededError,
    LocalProtocolError,
)
from yarnhub.control import json
from yarnhub.control.bootstrap import named_secrets
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.kernels import local_holder
from yarnhub.kernels.companions import Companions
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.local_holder import RECORD, LocalKernelHolder
from yarnhub.kernels.protocol import Channel
from yarnhub.kernels.records import KernelRecord, KernelRecords
from yarnhub.sessions import cluster_holder
from yarnhub.unmanaged.state_folder import StateFolder

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000.0


def kernel_record(application: str = GOOD, created: float = NOW) -> KernelRecord:
    request = kernel_request("/python", env={"A": "b"})
    return KernelRecord(request=request, key="key", created=created, application=application)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A holder's, without any kernel."""
    folder = tmp_path / "held"
    with StateFolder(folder).held():
        return folder


@pytest.fixture
def holder(tmp_path: Path, folder: Path) -> LocalKernelHolder:
    return LocalKernelHolder(offline(tmp_path), folder=folder, host="localhost", clock=lambda: NOW)


def keep(folder: Path, *kept: KernelRecord) -> None:
    records = KernelRecords(folder / "kernels")
    records.read()
    for each in kept:
        records.keep(each)


async def keep_application(folder: Path, given: KernelRecord | None = None) -> None:
    """Keep the application of a kernel, with the record among its secrets."""
    applications = StateFolder(folder / "applications")
    applications.secret()
    tokens = record(GOOD)
    if given is not None:
        secrets = named_secrets({RECORD: json.dump(replace(given, application=""))})
        tokens = replace(tokens, secrets={**tokens.secrets, **secrets})
    with applications.held():
        applications.keep(GOOD, tokens)
        await applications.journal(GOOD).append(journal())


async def test_a_kernel_whose_application_is_held(holder: LocalKernelHolder, folder: Path) -> None:
    kept = kernel_record()
    keep(folder, kept)
    await keep_application(folder)
    async with holder:
        (kernel,) = holder.kernels()
        assert holder.find(kept.request.id) is kernel
        assert kernel.request == kept.request
        assert (kernel.application_id, kernel.key) == (GOOD, "key")
        assert kernel.status.state is KernelState.WAITING
        with pytest.raises(DeadlineExceededError, match="not connected"):
            await kernel.open(Channel.SHELL, deadline=0)
        with pytest.raises(LocalProtocolError, match="is not dead"):
            holder.forget(kernel.id)
    assert KernelRecords(folder / "kernels").read() == [kept]


async def test_a_kernel_whose_record_is_lost_is_found_by_its_application(
    holder: LocalKernelHolder, folder: Path
) -> None:
    kept = kernel_record()
    await keep_application(folder, kept)
    async with holder:
        (kernel,) = holder.kernels()
        assert kernel.record == kept
    assert KernelRecords(folder / "kernels").read() == [kept]


async def test_an_application_without_a_kernel_is_logged(
    holder: LocalKernelHolder, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await keep_application(folder)
    async with holder:
        assert holder.kernels() == []
    assert f"{GOOD} is held, but the record of its kernel is damaged" in caplog.text


async def test_a_kernel_that_was_dead_is_so_with_its_outcome(
    holder: LocalKernelHolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_holder, "_ASK", 0.5)
    outcome = Outcome(cause=Cause.MEMORY, exit_code=-104)
    kept = replace(kernel_record(), outcome=outcome)
    keep(folder, kept, kernel_record("application_1_0002", created=NOW - 1))
    async with holder:
        unknown, kernel = holder.kernels()
        assert (kernel.status.state, kernel.status.outcome) == (KernelState.DEAD, outcome)
        # YARN does not respond: nothing is known of the other one, and unknown is not dead.
        assert unknown.status.state is KernelState.WAITING
        with pytest.raises(ConnectError, match="YARN does not report its state"):
            await unknown.stop()
        await kernel.stop()
        holder.forget(kernel.id)
        assert holder.kernels() == [unknown]
    assert len(KernelRecords(folder / "kernels").read()) == 1


async def test_what_a_forgotten_kernel_has_left_is_ended_until_nothing_is(
    holder: LocalKernelHolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = [True, False, False, True]
    asked: list[object] = []
    swept = asyncio.Event()

    class Sweeps(Companions):
        async def sweep(self, users: object, spared: object = ()) -> bool:
            asked.append((users, spared))
            none = results.pop(0)
            if results == [False, True]:
                holder.forget(kept.request.id)
            if not results:
                swept.set()
            return none

    monkeypatch.setattr(local_holder, "Companions", Sweeps)
    monkeypatch.setattr(local_holder, "_FIND", 0.01)
    outcome = Outcome(cause=Cause.MEMORY, exit_code=-104)
    found = kernel_record()
    kept = replace(
        found, outcome=outcome, ended=NOW, request=replace(found.request, program="spark")
    )
    keep(folder, kept)
    async with holder:
        await swept.wait()
        await asyncio.sleep(0.05)
        assert holder.kernels() == []
        assert len(asked) == 4


@pytest.mark.parametrize("responds", [True, False])
async def test_a_holder_that_ends_ends_what_kernels_have_left(
    holder: LocalKernelHolder,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    responds: bool,
) -> None:
    swept = 0
    at_first = asyncio.Event()

    class Sweeps(Companions):
        async def sweep(self, users: object, spared: object = ()) -> bool:
            nonlocal swept
            swept += 1
            at_first.set()
            if swept > 1 and not responds:
                await asyncio.Event().wait()
            return False

    monkeypatch.setattr(local_holder, "Companions", Sweeps)
    monkeypatch.setattr(local_holder, "_LEAVE", 0.05)
    found = kernel_record()
    keep(folder, replace(found, request=replace(found.request, program="spark")))
    async with holder:
        await at_first.wait()
    assert swept == 2
    assert ("may still run: YARN has not listed them" in caplog.text) is not responds


async def test_one_process_at_a_time(holder: LocalKernelHolder, tmp_path: Path) -> None:
    async with holder:
        (tmp_path / "other").mkdir()
        other = LocalKernelHolder(
            offline(tmp_path / "other"), folder=tmp_path / "held", host="localhost"
        )
        with pytest.raises(ConfigurationError, match="another process"):
            await other.__aenter__()


async def test_a_folder_that_cannot_be_used_is_refused(
    holder: LocalKernelHolder, folder: Path
) -> None:
    folder.chmod(0o755)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        await holder.__aenter__()
    folder.chmod(0o700)
    async with holder:
        assert holder.kernels() == []
