"""An archive of this Python runs without anything of the machine that it was made on."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from yarnhub.client.submit import appmaster_zip, python_archive

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 15 << 20


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return python_archive.cached(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("some where")
    # As a NodeManager does it (FileUtil.unTarUsingTar).
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    return folder


def run(unpacked: Path, *arguments: str) -> str:
    """Run it with no PATH and no variables, as on a node that has nothing."""
    done = subprocess.run(
        [unpacked / "bin" / "python3", "-IS", *arguments],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_what_it_runs_is_all_from_the_archive(unpacked: Path) -> None:
    code = (
        "import asyncio, ctypes, hashlib, json, socket, ssl, sys, zlib\n"
        "ssl.create_default_context(); socket.getaddrinfo('localhost', 1)\n"
        "print(*{line.split(maxsplit=5)[5] for line in open('/proc/self/maps') if '.so' in line\n"
        " or '/bin/' in line}, *sys.path, sep='', end='')"
    )
    loaded = run(unpacked, "-c", code).splitlines()
    assert any("libc.so" in line for line in loaded)
    assert [line for line in loaded if not line.startswith(str(unpacked))] == []


def test_what_its_programs_start_as_python_is_it_again(unpacked: Path) -> None:
    child = "print(open('/proc/self/maps').read())"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-IS', '-c', {child!r}])"
    loaded = {
        line.split(maxsplit=5)[5]
        for line in run(unpacked, "-c", code).splitlines()
        if ".so" in line
    }
    assert any("libc.so" in path for path in loaded)
    assert [path for path in loaded if not path.startswith(str(unpacked))] == []
    found = run(unpacked, "-c", "import sys; print(sys.executable, sys.version)")
    assert found == f"{unpacked}/bin/python3 {sys.version}\n"


def test_it_needs_no_option_of_a_new_loader(unpacked: Path) -> None:
    # `--argv0` exists since glibc 2.33; clients on RHEL 8 have 2.28.
    assert "--argv0" not in (unpacked / "bin" / "python3").read_text()


def test_processes_of_multiprocessing_are_it_again(unpacked: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, sys\n"
        "def libc():\n"
        "    maps = open('/proc/self/maps').read().splitlines()\n"
        "    print(*{each.split(maxsplit=5)[5] for each in maps if 'libc.so' in each})\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=libc)\n"
        "    child.start(); child.join(); sys.exit(child.exitcode)\n"
    )
    assert run(unpacked, str(program)) == f"{unpacked}/lib/libc.so.6\n"


def test_it_runs_an_application_master(unpacked: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.write_bytes(appmaster_zip.build())
    done = subprocess.run(
        [unpacked / "bin" / "python3", "-IS", code],
        env={},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "HADOOP_TOKEN_FILE_LOCATION is not set" in done.stderr


def test_it_is_found_by_a_link_to_its_folder(unpacked: Path, tmp_path: Path) -> None:
    # So a NodeManager puts it into a container.
    (tmp_path / ".yarnhub-runtime").symlink_to(unpacked)
    done = subprocess.run(
        [".yarnhub-runtime/bin/python3", "-IS", "-c", "import ssl; print('ran')"],
        env={},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ran\n"


def test_it_is_small_and_the_same_each_time(archive: Path) -> None:
    assert archive.stat().st_size < LIMIT
    assert python_archive.build() == archive.read_bytes()


def test_it_is_made_once(archive: Path) -> None:
    made = archive.stat()
    assert python_archive.cached(archive.parent) == archive
    now = archive.stat()
    assert (now.st_ino, now.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_one_that_others_could_have_written_is_not_used(archive: Path, tmp_path: Path) -> None:
    planted = tmp_path / archive.name
    planted.write_bytes(b"changed")
    planted.chmod(0o666)
    assert python_archive.cached(tmp_path).read_bytes() == archive.read_bytes()
