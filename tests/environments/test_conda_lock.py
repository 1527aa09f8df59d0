from __future__ import annotations

import pytest

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.environments.conda_lock import (
    conda_subdir,
    read_conda_lock,
    write_conda_lock,
)

A, B = "a" * 64, "b" * 64
PYTHON = f"https://c.example.com/main/linux-64/python-3.12.7-hc5c86c4_0_cpython.conda#sha256:{A}"
OLD = f"file:///c/noarch/ruamel.yaml-1!0.18.tar-0.tar.bz2#{B}"


def test_a_lock_is_read_and_written() -> None:
    text = f"# platform: linux-64\n@EXPLICIT\n{OLD}\n\n  {PYTHON}\n"
    first, second = read_conda_lock(text)
    assert (first.name, first.version, first.build, first.subdir, first.sha256) == (
        *("python", "3.12.7", "hc5c86c4_0_cpython", "linux-64", A),
    )
    assert (second.name, second.version, second.subdir) == ("ruamel.yaml", "1!0.18.tar", "noarch")
    written = write_conda_lock((first, second))
    assert written == f"@EXPLICIT\n{PYTHON}\n{OLD.replace('#', '#sha256:')}\n"
    assert read_conda_lock(written) == (first, second)
    assert write_conda_lock(()) == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("numpy=2", "must be the http, https or file URL of a conda package"),
        (f"s3://c/noarch/a-1-0.conda#{A}", "must be the http"),
        (f"https://alice:secret@c/noarch/a-1-0.conda#{A}", "without credentials"),
        (f"https://c/t/al-secret/main/noarch/a-1-0.conda#{A}", "has a token in the URL"),
        (f"https://c/noarch/../a-1-0.conda#{A}", "must be the http"),
        (f"https://c/noarch/{'a' * 2000}-1-0.conda#{A}", "must be the http"),
        (f"https://c/noarch/a-1-0.conda?x#{A}", "must be the http"),
        ("https://c/noarch/a-1-0.conda", "'a-1-0.conda' has no SHA-256: create the lock with"),
        (f"https://c/noarch/a-1-0.conda#{'c' * 32}", "has no SHA-256"),
        (f"https://c/linux-64/python-3-0.conda#{A}", "python is given twice"),
    ],
)
def test_other_lines_are_refused(line: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason) as caught:
        read_conda_lock(f"{PYTHON}\n{line}\n")
    assert caught.value.path == "line 2"
    assert "secret" not in str(caught.value)


def test_a_lock_without_packages_or_with_too_many() -> None:
    with pytest.raises(SpecError, match="has no packages"):
        read_conda_lock("@EXPLICIT\n")
    with pytest.raises(SpecError, match="has more than 2000 packages"):
        read_conda_lock("".join(f"file:///c/noarch/a{n}-1-0.conda#{A}\n" for n in range(2001)))


def test_platforms() -> None:
    assert conda_subdir("aarch64") == "linux-aarch64"
    with pytest.raises(ConfigurationError, match="no conda packages for 'riscv64'"):
        conda_subdir("riscv64")
