"""Where a database is: what is refused in words, and that secrets remain secret."""

from __future__ import annotations

import os
import stat
import traceback
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.database.connections import Database
from yarnhub.database.errors import DatabaseUnavailableError
from yarnhub.database.location import Location, prepare_file

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2%21"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "it is not a URL, such as sqlite:"),
        (f"postgresql//u:{SECRET}@host", "it is not a URL"),
        (f"postgresql://u:{SECRET}@host:port/x", "it is not a URL"),
        ("sqlite://", "does not name a file"),
        ("sqlite:///:memory:", "does not name a file"),
        (f"sqlite:////x?password={SECRET}", "does not name a file"),
        (f"mysql://u:{SECRET}@host/x", "only SQLite and PostgreSQL"),
        (f"postgresql+asyncpg://u:{SECRET}@host/x", "only SQLite and PostgreSQL"),
    ],
)
def test_what_is_no_database_is_refused_without_its_secrets(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        Location.parse(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("where", ["u:{}@127.0.0.1:1/x", "u@127.0.0.1:1/x?password={}"])
async def test_an_error_has_no_secrets(where: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    location = Location.parse(f"postgresql://{where.format(SECRET)}")
    async with Database(location) as database:
        with pytest.raises(DatabaseUnavailableError, match="'x' on 127") as caught:
            await database.open()
        with pytest.raises(DatabaseUnavailableError) as second:
            async with database.reading():
                pytest.fail("it is not available")
    for text in (
        *("".join(traceback.format_exception(each.value)) for each in (caught, second)),
        repr(location),
        str(location),
        repr(database.engine),
        caplog.text,
    ):
        assert "hunter2" not in text


def test_secrets_in_a_message_of_a_driver_are_replaced() -> None:
    location = Location.parse(f"postgresql://u:{SECRET}@host/x?sslpassword=other")
    assert location.without_secrets("wrong: hunter2! and other") == "wrong: *** and ***"


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    prepare_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    prepare_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_in_which_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    try:
        with pytest.raises(ConfigurationError, match="other users can write in"):
            prepare_file(tmp_path / "x.sqlite")
        assert list(tmp_path.iterdir()) == []
    finally:
        tmp_path.chmod(0o700)


def test_a_link_or_a_pipe_is_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(ConfigurationError):
            prepare_file(tmp_path / name)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere/x\.sqlite cannot be opened: No such"):
        prepare_file(tmp_path / "nowhere" / "x.sqlite")
