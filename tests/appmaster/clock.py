"""An event loop that does not wait: when nothing is ready, its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")


class _InstantLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._jumped = 0.0
        selector: Any = self._selector  # type: ignore[attr-defined]  # asyncio's own
        select = selector.select

        def look(timeout: float | None) -> Any:
            if timeout is None:
                raise AssertionError("all tasks wait for something that will never come")
            self._jumped += timeout
            return select(0)

        selector.select = look

    def time(self) -> float:
        return self._jumped


def instant(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test whose sleeps and deadlines take no time; not for sockets or threads."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=_InstantLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
