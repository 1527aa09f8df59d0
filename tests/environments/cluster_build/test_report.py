"""What a build in a container reports."""

from __future__ import annotations

import pytest

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.environments.cluster_build.report import dump, parse
from yarnhub.environments.progress import Progress, Step


@pytest.mark.parametrize(
    "progress",
    [
        Progress(Step.LOCK),
        Progress(Step.INSTALL, 0, 7, "Downloading numpy"),
        Progress(Step.PACK, 3, 9),
    ],
)
def test_it_is_read_as_it_was_written(progress: Progress) -> None:
    assert parse(dump(progress)) == progress


@pytest.mark.parametrize(
    "progress",
    [
        Progress(Step.LOCK),
        Progress(Step.INSTALL, line="+ tabulate==0.9: new"),
        Progress(Step.PACK, 3, 9),
    ],
)
def test_a_line_of_the_log_is_read_as_it_was_written(progress: Progress) -> None:
    assert Progress.parse(str(progress)) == progress


@pytest.mark.parametrize("line", ["", "lock", "Lock: 1 of 2", "https://x: y", "unpack: started"])
def test_another_line_is_no_progress(line: str) -> None:
    assert Progress.parse(line) is None


def test_a_line_is_short_and_plain() -> None:
    found = parse(dump(Progress(Step.LOCK, line="\x1b[31mred\x1b[0m " + "x" * 10_000)))
    assert found.line.startswith("red x")
    assert len(found.line) <= 500


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'["lock"]', b'["x", 0, 0, ""]', b'["lock", {}, 0, ""]']
)
def test_another_document_is_refused(value: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse(value)
