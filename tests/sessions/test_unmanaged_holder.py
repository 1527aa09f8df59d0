"""Sessions that this process holds, of a cluster that does not respond."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessions.in_memory import TAGS
from unmanaged.damage import GOOD, journal, offline, record
from yarnhub.base.errors import ConfigurationError
from yarnhub.sessions.session import SessionSnapshot
from yarnhub.sessions.unmanaged_holder import UnmanagedHolder, UnmanagedSession
from yarnhub.unmanaged.state_folder import StateFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def kept(tmp_path: Path) -> Path:
    """A folder in which an earlier process kept an application."""
    folder = StateFolder(tmp_path / "kept")
    folder.claim()
    folder.keep(GOOD, record(GOOD))
    await folder.journal(GOOD).append(journal())
    return folder.path


@pytest.fixture
def holder(tmp_path: Path, kept: Path) -> UnmanagedHolder:
    return UnmanagedHolder(offline(tmp_path), TAGS, folder=kept, host="localhost")


async def test_what_was_kept_is_held(holder: UnmanagedHolder) -> None:
    found = await holder.find(GOOD)
    assert isinstance(found, UnmanagedSession)
    assert (found.id, found.user, found.identity) == (GOOD, "alice", "")
    assert await found.poll() is None
    assert await found.snapshot() == SessionSnapshot()


async def test_a_failure_is_not_the_last_word(holder: UnmanagedHolder, kept: Path) -> None:
    kept.chmod(0o755)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="must be a folder that only its user"):
            await holder.find(GOOD)
    kept.chmod(0o700)
    assert isinstance(await holder.find(GOOD), UnmanagedSession)
