"""Parsers of specifications of environments, and of documents of other tools."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import tomllib
from pathlib import Path

from fuzz.mechanism import Parser
from fuzz.samples import JSON_WORDS
from yarnhub.base.errors import SpecError
from yarnhub.client.submit.spec_file import parse_document
from yarnhub.environments.conda_lock import read_conda_lock, write_conda_lock
from yarnhub.environments.errors import StoreError
from yarnhub.environments.foreign_documents import (
    from_conda,
    from_pixi,
    from_project,
    from_requirements,
)
from yarnhub.environments.local_build.site import BuildSite
from yarnhub.environments.published.foreign_archive import examine
from yarnhub.environments.published.manifest import EnvironmentRecord, VersionManifest
from yarnhub.environments.requirements import read_lock, write_lock
from yarnhub.environments.specification import EnvironmentSpec
from yarnhub.environments.threads import Stop

LOCK = b"six==1.17 ; python_version < '4' \\\n    --hash=sha256:" + b"a" * 64 + b"\n"
WORDS = (
    *(b"six", b"==1.17", b">=2,<3", b"[a,b]", b" ; ", b"python_version", b"<'4'", b" \\\n", b"#"),
    *(b"--hash=sha256:" + b"a" * 64, b"-e ", b" @ ", b"http://", b"../", b"\0", b"\r", b"\xc2\x85"),
)
CONDA_LOCK = b"@EXPLICIT\nfile:///c/noarch/a-1.0-0.conda#sha256:" + b"a" * 64 + b"\n"
CONDA_WORDS = (
    *(b"@EXPLICIT\n", b"file:///c/", b"https://", b"noarch/", b"linux-64/", b"a-1.0-0", b".conda"),
    *(b".tar.bz2", b"#sha256:", b"a" * 64, b"/t/x/", b"@", b"\n", b"#", b"../", b"\0"),
)
PIXI_LOCK = (
    b"version: 6\nenvironments: {default: {packages: {linux-64: [{conda: /c/noarch/a-1-0.conda}, "
    b"{pypi: 'https://a/b.whl'}]}}}\npackages: [{conda: /c/noarch/a-1-0.conda, sha256: "
    + b"a" * 64
    + b"}, {pypi: 'https://a/b.whl', name: b, version: '1', sha256: "
    + b"b" * 64
    + b"}]\n"
)
REFUSED = (SpecError, UnicodeDecodeError)


def read_specification(content: bytes) -> None:
    found = EnvironmentSpec.from_dict(parse_document(content, "yaml"))
    assert EnvironmentSpec.from_dict(found.to_dict()) == found


def read_requirements(content: bytes) -> None:
    for each in from_requirements(content.decode(), "x").pip:
        assert "\n" not in each
        assert not each.startswith("-")


def read_written_lock(content: bytes) -> None:
    packages = read_lock(content.decode())
    assert read_lock(write_lock(packages)) == packages


def read_record(content: bytes) -> None:
    found = EnvironmentRecord.parse(content)
    assert EnvironmentRecord.parse(found.dump()) == found
    assert "/" not in found.name


def read_manifest(content: bytes) -> None:
    found = VersionManifest.parse(content)
    assert VersionManifest.parse(found.dump()) == found
    assert "/" not in found.archive


MANIFEST = VersionManifest(
    key="a" * 64,
    archive="x-aaaaaaaaaaaa.tar.gz",
    sha256="b" * 64,
    size=3,
    files=2,
    python="3.12.1",
    packages={"six": "1.17"},
)


def environment_archive() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as made:
        for name in ("bin/python3", "lib/python3.12/site-packages/six-1.17.dist-info/METADATA"):
            made.addfile(tarfile.TarInfo(name))
    return content.getvalue()


def describe_archive(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.tar.gz")
        path.write_bytes(gzip.compress(content, 1))
        assert examine(path, Stop()).size == path.stat().st_size


def read_written_conda_lock(content: bytes) -> None:
    packages = read_conda_lock(content.decode())
    assert read_conda_lock(write_conda_lock(packages)) == packages


def read_pixi_lock(content: bytes) -> None:
    found = from_pixi(parse_document(content, "yaml"), "linux-64", "x")
    assert EnvironmentSpec.from_dict(found.to_dict()) == found


ENVIRONMENTS = [
    Parser(
        "record of an environment",
        read_record,
        REFUSED,
        (EnvironmentRecord(name="x", current=1, newest=2).dump(),),
        (*JSON_WORDS, b'"name"', b'"current"', b'"newest"', b'"schema"', b"-1"),
    ),
    Parser(
        "manifest of a version",
        read_manifest,
        REFUSED,
        (MANIFEST.dump(),),
        (*JSON_WORDS, b'"packages"', b'"archive"', b'"../x.tar.gz"', b'"kernel"', b'"size"'),
    ),
    Parser(
        "archive of an environment",
        describe_archive,
        (StoreError,),
        (environment_archive(),),
        (b"../", b"/", b"\0", b"bin/", b"9" * 12, b"\xff" * 12, b"x" * 512, b"ustar"),
    ),
    Parser(
        "specification of an environment",
        read_specification,
        REFUSED,
        (b"name: x\npip: [six]\naccess: {users: [bob]}\nkernel: {memory: 1, vcores: 1}\n",),
        (*JSON_WORDS, *WORDS, b"name: x\n", b"pip: [six]\n", b"python: '3.12'\n"),
    ),
    Parser("requirements", read_requirements, REFUSED, (b"six>=1\nattrs # x\n", LOCK), WORDS),
    Parser("lock", read_written_lock, REFUSED, (LOCK,), WORDS),
    Parser(
        "environment.yml",
        lambda each: from_conda(parse_document(each, "yaml"), "x"),
        REFUSED,
        (b"channels: [c]\ndependencies: [python=3.12, pip, {pip: [six]}]\n",),
        (*JSON_WORDS, *WORDS, b"dependencies: ", b"pip: ", b"python=3.12", b"- "),
    ),
    Parser("conda lock", read_written_conda_lock, REFUSED, (CONDA_LOCK,), CONDA_WORDS),
    Parser(
        "pixi.lock",
        read_pixi_lock,
        REFUSED,
        (PIXI_LOCK,),
        (*JSON_WORDS, *CONDA_WORDS, b"- conda: ", b"- pypi: ", b"packages: ", b"linux-64: "),
    ),
    Parser(
        "pyproject.toml",
        lambda each: from_project(tomllib.loads(each.decode()), "", "x"),
        (*REFUSED, tomllib.TOMLDecodeError),
        (b'[project]\nname = "x"\nrequires-python = ">=3.9"\ndependencies = ["six"]\n',),
        (*WORDS, b"[project]\n", b"dependencies = ", b'["six"]\n', b"requires-python = "),
    ),
    Parser(
        "site of builds",
        lambda each: BuildSite.from_dict(parse_document(each, "yaml")),
        REFUSED,
        (b"index_url: https://a/simple\nfind_links: [/a]\nconda_mirrors: {http://a: http://b}\n",),
        (*JSON_WORDS, b"index_url: ", b"https://", b"a@b", b"netrc: /a\n", b"processes: "),
    ),
]
