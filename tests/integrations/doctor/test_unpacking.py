"""What the nodes need to unpack an archive."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integrations.doctor.deployments import make_deployment
from yarnhub.client.logs.aggregated import LogAggregationOffError
from yarnhub.integrations.doctor import unpacking
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.unpacking import FILES, judge, write_small_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.spec import File


def output(milliseconds: float) -> str:
    """The output of a node: tar has made 100 files in 10 ms, and then their modes were set."""
    made = [100 + number / 10_000 for number in range(100)]
    changed = [100.01 + number * milliseconds / 1000 for number in range(100)]
    pairs = zip(made, changed, strict=True)
    lines = [f"yarnhub doctor: {atime:.10f} {ctime:.10f}\n" for atime, ctime in pairs]
    return "".join(["a line of the node\n", *reversed(lines)])


@pytest.mark.parametrize(
    ("outputs", "grade", "words"),
    [
        ({"n1": output(0.05)}, Grade.OK, "n1 0.15 ms"),
        ({"n1": output(0.05), "n2": output(4)}, Grade.WARNING, "n1 0.15 ms, n2 4.06 ms"),
        ({"n2": output(4)}, Grade.WARNING, "10000 files takes 41 s on n2"),
        ({"n1": output(4), "n2": ""}, Grade.ERROR, "nothing ran on n2"),
        (
            {"n1": output(0.05), "n2": "find: unrecognized: -printf\n"},
            Grade.NOT_CHECKED,
            "the times of files on n2",
        ),
    ],
)
def test_the_time_for_a_file(outputs: Mapping[str, str], grade: Grade, words: str) -> None:
    found = judge(outputs)
    assert found.grade is grade
    assert words in found.what
    assert ("libhadoop.so" in found.mend) is (grade is Grade.WARNING)


def test_a_file_that_was_read_later_changes_nothing() -> None:
    later = output(0.05) + "yarnhub doctor: 900.0 100.0101\n"
    assert judge({"n1": later}).grade is Grade.OK


def test_the_archive_has_many_files(tmp_path: Path) -> None:
    write_small_files(str(tmp_path / "unpacked.tar.gz"))
    with tarfile.open(tmp_path / "unpacked.tar.gz") as archive:
        assert len(archive.getnames()) == FILES


async def test_nothing_is_submitted_without_the_option(tmp_path: Path) -> None:
    found = await unpacking.check(make_deployment(tmp_path, {}))
    assert found.grade is Grade.NOT_CHECKED
    assert "with --run" in found.what


async def test_without_log_aggregation_it_is_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot_be_read(_: Deployment, __: str, files: Mapping[str, File]) -> dict[str, str]:
        assert list(files) == ["unpacked"]
        raise LogAggregationOffError("yarn.log-aggregation-enable is not true")

    monkeypatch.setattr(unpacking, "run_on_nodes", cannot_be_read)
    deployment = make_deployment(tmp_path, {})
    deployment.options = replace(deployment.options, run=True)
    found = await unpacking.check(deployment)
    assert found.grade is Grade.NOT_CHECKED
    assert "yarn.log-aggregation-enable is not true" in found.what
