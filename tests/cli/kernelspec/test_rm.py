"""`yarnhub kernelspec rm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.kernelspec.running import put, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_remove(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "install")
    run(capsys, "install", "--user")
    other = put(home / "host/kernels/other", {"argv": ["x"]})
    code, _, err = run(capsys, "rm", "yarn-python", "other")
    assert code == 1
    assert f"{other} is not removed: it is not for YARN: use `jupyter kernelspec remove`" in err
    code, out, _ = run(capsys, "rm", "YARN-python")
    assert (code, out) == (0, f"Removed: {home / 'user/kernels/yarn-python'}\n")
    assert run(capsys, "rm", "yarn-python", "--user")[0] == 1
    (home / "env/kernels").mkdir(parents=True)
    link = home / "env/kernels/yarn-python"
    link.symlink_to(home / "host/kernels/yarn-python")
    assert run(capsys, "rm", "yarn-python")[0] == 0
    assert not link.is_symlink()
    assert (home / "host/kernels/yarn-python/kernel.json").exists()
    assert run(capsys, "rm", "yarn-python")[0] == 0
    assert [each.name for each in (home / "host/kernels").iterdir()] == ["other"]
