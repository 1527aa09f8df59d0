from __future__ import annotations

import ast
import asyncio
import contextlib
import traceback
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PROJECT
from yarnhub.base.errors import ConnectError
from yarnhub.base.tasks import task_group

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path


async def fail(error: Exception) -> None:
    raise error


async def test_the_first_error_is_raised_alone() -> None:
    others_cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            others_cancelled.set()

    with pytest.raises(ConnectError, match="nobody"):
        async with task_group() as group:
            group.create_task(wait())
            await asyncio.sleep(0)
            group.create_task(fail(ConnectError("nobody there")))
    assert others_cancelled.is_set()


async def test_nested_groups_raise_one_error() -> None:
    with pytest.raises(ConnectError):
        async with task_group() as outer, task_group() as inner:
            inner.create_task(fail(ConnectError("nobody there")))
            outer.create_task(asyncio.Event().wait())


async def test_an_error_of_the_block_is_raised_alone() -> None:
    with pytest.raises(KeyError):
        async with task_group():
            raise KeyError("x")


async def test_cancelling_stays_a_cancellation() -> None:
    async def work() -> None:
        async with task_group() as group:
            group.create_task(asyncio.Event().wait())

    task = asyncio.get_running_loop().create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def fail_later() -> None:
    await asyncio.sleep(0)
    raise ConnectError("nobody there")


async def test_a_task_whose_group_failed_is_not_marked_as_cancelled() -> None:
    """Else each later timeout in it would be a cancellation: before 3.13 it stays marked."""
    for _ in range(2):
        with pytest.raises(ConnectError):
            async with task_group() as group:
                group.create_task(fail_later())
        with pytest.raises(ConnectError):
            async with task_group() as group:
                group.create_task(fail_later())
                await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.Event().wait()


async def test_cancelling_while_a_group_fails_stays_a_cancellation() -> None:
    async def clean_up_badly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectError("nobody there")

    async def work() -> None:
        with pytest.raises(ConnectError):
            async with task_group() as group:
                group.create_task(clean_up_badly())
        marks.append(task.cancelling())

    marks: list[int] = []
    task = asyncio.get_running_loop().create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):  # Python 3.13 raises it after the error
        await task
    assert marks == [1]


async def connect() -> None:
    try:
        raise ConnectionRefusedError("Connection refused")
    except OSError as error:
        raise ConnectError("nobody answers at nn:8020") from error


async def connect_carelessly() -> None:
    try:
        raise ConnectionRefusedError("Connection refused")
    except OSError:
        raise ConnectError("nobody answers at nn:8020")  # noqa: B904 -- others' code does so


@pytest.mark.parametrize("connecting", [connect, connect_carelessly])
async def test_the_cause_of_an_error_stays_its_cause(
    connecting: Callable[[], Coroutine[None, None, None]],
) -> None:
    with pytest.raises(ConnectError) as caught:
        async with task_group() as outer, task_group() as inner:
            outer.create_task(asyncio.Event().wait())
            inner.create_task(connecting())
    shown = "".join(traceback.format_exception(caught.value))
    assert "ConnectionRefusedError: Connection refused" in shown
    assert "ExceptionGroup" not in shown


async def test_an_error_beside_it_is_in_its_notes() -> None:
    async def clean_up_badly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectError("nobody answers at rm:8032")

    with pytest.raises(ConnectError, match="nn:8020") as caught:
        async with task_group() as group:
            group.create_task(clean_up_badly())
            await asyncio.sleep(0)
            group.create_task(connect())
    assert caught.value.__notes__ == [
        "another task also failed: ConnectError: nobody answers at rm:8032"
    ]


async def test_a_fault_of_ours_does_not_hide_behind_a_failure_of_the_network() -> None:
    async def clean_up_badly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("token")

    with pytest.raises(KeyError):
        async with task_group() as group:
            group.create_task(clean_up_badly())
            await asyncio.sleep(0)
            group.create_task(connect())


def test_no_other_module_unwraps_groups_by_itself() -> None:
    others = (file for file in (PROJECT / "src").rglob("*.py") if not file.match("base/tasks.py"))
    assert [file for file in others if opens_group(file)] == []


def test_tasks_have_owners() -> None:
    """Ruff bans `asyncio.create_task`; a loop's own method it does not see."""
    owners = {
        PROJECT / "src/yarnhub/base/background.py",
        PROJECT / "src/yarnhub/base/single_flight.py",
        # Programs of their own, without yarnhub.
        PROJECT / "src/yarnhub/integrations/dask_yarn/container.py",
        PROJECT / "src/yarnhub/integrations/spark/driver/tls_port.py",
    }
    found = {file for file in (PROJECT / "src").rglob("*.py") if starts_tasks_of_a_loop(file)}
    assert found == owners


def starts_tasks_of_a_loop(file: Path) -> bool:
    """Whether `create_task` or the like is called on anything but what owns its tasks."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in {"create_task", "ensure_future"}
        and not ast.unparse(node.value).endswith(("group", "_tasks"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
    )


def opens_group(file: Path) -> bool:
    calls = (
        node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)
    )
    return any(
        isinstance(call.func, ast.Attribute) and call.func.attr == "TaskGroup" for call in calls
    )
