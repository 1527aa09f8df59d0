from __future__ import annotations

import datetime as dt

from skein.utils import cached_property, format_table, humanize_timedelta


def test_they_do_what_dask_yarn_uses_them_for() -> None:
    class Once:
        @cached_property
        def value(self) -> object:
            return object()

    once = Once()
    assert once.value is once.value
    assert humanize_timedelta(dt.timedelta(hours=1, minutes=40, seconds=5)) == "1h 40m"
    assert format_table(["a", "b"], [(1, "x")]) == "A    B\n1    x"
