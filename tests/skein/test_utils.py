from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING

from skein.utils import cached_property, format_table, humanize_timedelta, lock_file

if TYPE_CHECKING:
    from pathlib import Path


def test_they_do_what_dask_yarn_uses_them_for() -> None:
    class Once:
        @cached_property
        def value(self) -> object:
            return object()

    once = Once()
    assert once.value is once.value
    assert humanize_timedelta(dt.timedelta(hours=1, minutes=40, seconds=5)) == "1h 40m"
    assert format_table(["a", "b"], [(1, "x")]) == "A    B\n1    x"


def test_a_lock_that_threads_share(tmp_path: Path) -> None:
    lock, held = lock_file(str(tmp_path / "lock")), []

    def hold(name: str) -> None:
        with lock:
            held.append(name)

    lock.acquire()
    threads = [threading.Thread(target=hold, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    assert held == []
    lock.release()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(held) == ["a", "b", "c"]
    with lock_file(str(tmp_path / "lock")):
        pass  # all have released it
