from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.sessions.container_secrets import packed, unpack

if TYPE_CHECKING:
    from pathlib import Path


def test_a_program_gets_what_was_packed_for_it(tmp_path: Path) -> None:
    variables = {"LANG": "C"}
    secrets = packed({"TOKEN": "t\u00f6ken"}, {"server.key": b"\x00key"})
    unpack({**secrets, "yarnhub.application": b"{}"}, variables, tmp_path)
    assert variables == {"LANG": "C", "TOKEN": "t\u00f6ken"}
    (file,) = tmp_path.iterdir()
    assert (file.name, file.read_bytes()) == ("server.key", b"\x00key")
    assert file.stat().st_mode & 0o077 == 0


def test_names_are_those_of_former_versions() -> None:
    assert packed({"TOKEN": "t"}, {"key": b"k"}) == {"variable:TOKEN": b"t", "file:key": b"k"}
