"""Commands that a signal cancels, so that they undo what is half done."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

_ENDING = (signal.SIGTERM, signal.SIGHUP)
_BY_SIGNAL = 128
"""What shells add to the number of a signal for the exit code."""


def run_until_signal(work: Coroutine[None, None, T]) -> T:
    """Run it; SIGTERM and SIGHUP cancel it as Ctrl-C does, unless they are ignored.

    Raises:
        SystemExit: A signal has cancelled it; with the exit code of shells.
        KeyboardInterrupt: Ctrl-C has cancelled it.
    """
    received = signal.SIGINT

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None

        def cancel(number: signal.Signals) -> None:
            nonlocal received
            received = number
            task.cancel()

        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                asyncio.get_running_loop().add_signal_handler(number, cancel, number)
        return await work

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise SystemExit(_BY_SIGNAL + received) from None
