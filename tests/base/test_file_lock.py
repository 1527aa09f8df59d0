from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from yarnhub.base.file_lock import locked

if TYPE_CHECKING:
    from pathlib import Path


def test_threads_hold_it_one_after_the_other(tmp_path: Path) -> None:
    path, held = tmp_path / "lock", []

    def hold() -> None:
        with locked(path):
            held.append("thread")

    with locked(path):
        thread = threading.Thread(target=hold)
        thread.start()
        thread.join(timeout=0.1)
        assert thread.is_alive(), "it waits"
        held.append("first")
    thread.join(timeout=60)
    assert held == ["first", "thread"]
    assert path.stat().st_mode & 0o777 == 0o600
