"""The forms of `environment`: what containers run, and what is refused."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from yarnhub.integrations.dask_yarn.environment import Environment

if TYPE_CHECKING:
    from pathlib import Path

SHOW = '\necho "$DASK_YARN_PYTHON"; type -P python; echo "$HOOK"'


def run(environment: Environment, folder: Path) -> list[str]:
    """What a container's script sees."""
    script = environment.setup + SHOW
    env = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def python_in(folder: Path) -> Path:
    """An environment with a Python and nothing else."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("#!/bin/sh\n")
    (folder / "bin" / "python").chmod(0o755)
    return folder


@pytest.mark.parametrize("source", ["my-env.tar.gz", "hdfs:///e/my-env.zip", "/home/a/b.tgz"])
def test_an_archive_is_unpacked(source: str) -> None:
    environment = Environment.parse(source)
    assert [(name, file.source) for name, file in environment.files.items()] == [
        ("environment", source)
    ]


def test_an_archive_is_activated_if_it_can_be(tmp_path: Path) -> None:
    python_in(tmp_path / "environment")
    own = str(tmp_path / "environment/bin/python")
    assert run(Environment.parse("a.zip"), tmp_path)[0] == own
    activate = tmp_path / "environment/bin/activate"
    activate.write_text('PATH="$PWD/environment/bin:$PATH"; HOOK=done')
    assert run(Environment.parse("a.zip"), tmp_path) == [own, own, "done"]


def test_a_conda_environment_of_the_nodes_needs_no_conda(tmp_path: Path) -> None:
    folder = python_in(tmp_path / "my env")
    (folder / "etc/conda/activate.d").mkdir(parents=True)
    (folder / "etc/conda/activate.d/a.sh").write_text("HOOK=done")
    own = str(folder / "bin/python")
    assert run(Environment.parse(f"conda://{folder}"), tmp_path) == [own, own, "done"]


def test_a_virtual_environment_of_the_nodes_is_activated(tmp_path: Path) -> None:
    folder = python_in(tmp_path / "venv")
    (folder / "bin/activate").write_text("HOOK=done")
    found = run(Environment.parse(f"venv://{folder}/"), tmp_path)
    assert (found[0], found[-1]) == (str(folder / "bin/python"), "done")


def test_a_python_of_the_nodes_is_used_as_it_is(tmp_path: Path) -> None:
    environment = Environment.parse("python:///opt/my python/bin/python3")
    assert run(environment, tmp_path)[0] == "/opt/my python/bin/python3"
    assert not environment.files


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is missing"),
        ("", "is missing"),
        ("conda://my-env", "absolute path, such as conda:///opt/my-env"),
        ("python://", "absolute path"),
        ("/opt/my-env", "not an archive"),
        ("my-env.tar.bz2", "not an archive"),
        ("hdfs:///my-env", "not an archive"),
    ],
)
def test_what_cannot_work_is_refused_in_words(text: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Environment.parse(text)
