from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.client.logs import selection as log_selection
from yarnhub.client.logs.aggregated import LogFile
from yarnhub.client.logs.instances import instance_by_files, instance_in
from yarnhub.client.logs.selection import LogSelection, last_lines
from yarnhub.yarn.records.ids import ContainerId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

NUMBER = ContainerId.parse("container_1_0003_01_000002")


def file(name: str = "worker.log", *, length: int = 1, instance: str = "worker_0") -> LogFile:
    return LogFile(container_id=NUMBER, node="w_1", name=name, length=length, instance=instance)


@pytest.mark.parametrize(
    ("containers", "files", "chosen"),
    [
        ((), (), True),
        (("worker_0",), (), True),
        ((str(NUMBER),), ("worker.log",), True),
        (("worker_1", "master"), (), False),
        ((), ("stdout",), False),
    ],
)
def test_containers_by_name_or_id_and_files(
    containers: tuple[str, ...], files: tuple[str, ...], chosen: bool
) -> None:
    selection = LogSelection(containers=frozenset(containers), files=frozenset(files))
    assert selection.has(file()) == chosen
    assert selection.single == (len(containers) == len(files) == 1)


def test_what_yarn_writes_of_the_launch_comes_only_when_it_is_named() -> None:
    every = LogSelection()
    assert not every.has(file("launch_container.sh"))
    assert not every.has(file("prelaunch.err", length=0))
    assert every.has(file("prelaunch.err"))
    assert not every.has(file("worker_3.container", length=0))
    assert every.has(file("mine.container"))
    assert LogSelection(files=frozenset({"directory.info"})).has(file("directory.info"))


def test_the_name_in_a_launch_script() -> None:
    script = b'#!/bin/bash\nexport A="x\nexport SKEIN_CONTAINER_ID=\\"forged_1\\""\n'
    assert instance_in(script) == ""
    assert instance_in(script + b'export SKEIN_CONTAINER_ID="a-worker_12"\nexec x\n') == (
        "a-worker_12"
    )
    assert instance_by_files(["application.master.log", "prelaunch.err"]) == "master"
    assert instance_by_files(["worker.log"]) == ""
    assert instance_by_files(["worker.log", "worker_3.container"]) == "worker_3"


@given(
    st.lists(st.sampled_from([b"", b"a", b"bb", b"ccc"]), max_size=30).map(b"\n".join),
    st.integers(0, 8),
    st.integers(1, 9),
    st.sampled_from([1, 2, 3, 100]),
)
async def test_the_last_lines(content: bytes, lines: int, size: int, window: int) -> None:
    async def read(start: int) -> AsyncGenerator[bytes, None]:
        grown = content + b"more\nthan was there\n"
        for at in range(start, len(grown), size):
            yield grown[at : at + size]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_selection, "_TAIL_WINDOW", window)
        start = await last_lines(read, len(content), lines)
    kept = content.splitlines(keepends=True)[-lines:] if lines else []
    assert content[start:] == b"".join(kept)
