"""What a user reads about a kernel, in JupyterLab's dialogs and in the output of cells.

JupyterLab shows it in a `<pre>`, which does not wrap: no line has more than `WIDTH` characters.
"""

from __future__ import annotations

import signal
import textwrap
from typing import TYPE_CHECKING, assert_never

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.explain.words import sentence
from yarnhub.control.outcomes import Cause
from yarnhub.control.words import brief
from yarnhub.kernels.kernel import KernelState

if TYPE_CHECKING:
    from yarnhub.kernels.kernel import KernelStatus

WIDTH = 80
WITHDRAWN = "The kernel was shut down before it started."
KEPT = "The server stopped while the kernel was starting."
NOT_FOUND_AGAIN = (
    "The kernel ended while the Jupyter server was not running, and YARN has no record of how."
)
NOT_OURS = (
    "This kernelspec runs kernels in YARN containers, but the server is not set up for them: "
    "call configure(c) of yarnhub.integrations.kernels in its configuration."
)
_MORE_MEMORY = "start it with more memory"
_DOWNLOADS = (
    "The first kernel on a node waits until its environment, or Spark, has been downloaded."
)
_JOINING = "Finding the kernel again after a restart of the Jupyter server."


def lines(text: str) -> str:
    """A text, cleaned and broken into lines of `WIDTH` characters."""
    cleaned = clean_and_cut(text).strip()
    return "\n".join(
        textwrap.fill(each, WIDTH, break_long_words=True, break_on_hyphens=False)
        for each in cleaned.splitlines()
    )


def waiting(status: KernelStatus | None, application: str = "") -> str:
    """What a kernel that has not started yet waits for.

    Args:
        status: Its status; None before YARN has accepted it.
        application: Its application's id.
    """
    if status is None:
        return "Asking YARN for a container."
    match status.state:
        case KernelState.WAITING if status.node:
            text = f"The container on {status.node} is starting ({application})."
            return lines(f"{text} {_DOWNLOADS}")
        case KernelState.WAITING:
            text = f"Waiting for a container ({application})."
            if status.waits_for is not None:
                text = f"{text}\n{sentence(status.waits_for)}"
            return lines(text)
        case KernelState.STARTING | KernelState.RUNNING:
            place = f" on {status.node}" if status.node else ""
            return lines(f"The kernel is starting{place}.")
        case KernelState.ENDED | KernelState.DEAD:
            return ended(status)
        case _:
            assert_never(status.state)


def joining(problem: str = "") -> str:
    """What a server does that finds its kernels again.

    Args:
        problem: Why it has not succeeded so far.
    """
    return lines(f"{_JOINING}\nRetrying: {problem}" if problem else _JOINING)


def ended(status: KernelStatus) -> str:
    """Why a kernel ended."""
    outcome = status.outcome
    if outcome is None:
        return _process(status)
    if outcome.cause is Cause.FORGOTTEN:
        return lines("The kernel has ended, and YARN no longer has a record of its application.")
    if outcome.cause is Cause.FINISHED and not outcome.raw:
        return "The kernel's container has ended."
    text = brief(outcome, more_memory=_MORE_MEMORY)
    return lines(f"The kernel has ended: {text}" if text else "The kernel has ended.")


def died(status: KernelStatus, times: int) -> str:
    """Why a kernel is given up whose process ended several times in a row."""
    return lines(f"The kernel's process ended {times} times in a row. {_process(status)}")


def not_while_waiting(action: str) -> str:
    """Why a kernel that has not started cannot be interrupted or restarted.

    Args:
        action: Such as `interrupted`.
    """
    return f"The kernel has not started yet and cannot be {action}: shut it down instead."


def unknown_kernelspec(name: str) -> str:
    """Why a kernel is refused."""
    return lines(f"There is no kernelspec {clean_and_cut(name, lines=False)!r} on this server.")


def still_ends(kernel_id: str) -> str:
    """Why a kernel is refused whose id another one had.

    Args:
        kernel_id: A valid id.
    """
    return f"The former kernel {kernel_id} is still ending: choose another id, or try again later."


def invalid_id(kernel_id: str) -> str:
    """Why a kernel is refused whose id a client has chosen."""
    shown = clean_and_cut(kernel_id[:100], lines=False)
    return lines(f"The id of a kernel must be a UUID, not {shown!r}.")


def _process(status: KernelStatus) -> str:
    if status.error:
        return lines(f"The kernel's process could not be started: {status.error}")
    code = status.code
    if code is None:
        return "The kernel's process has ended."
    if code < 0:
        known = {each.value: each.name for each in signal.Signals}
        name = known.get(-code, f"signal {-code}")
        return f"The kernel's process was ended by {name}."
    return f"The kernel's process ended with exit code {code}."


def restarted() -> str:
    """What the output of a cell says that ran when its kernel's process was started again."""
    return "The kernel was restarted before this cell ended."


def lost_end() -> str:
    """What the output of a cell says whose end was lost."""
    return lines(
        "The connection to the kernel was interrupted. The kernel does not run this cell now, but "
        "its last output was lost, or it has not run. The kernel's variables are unchanged."
    )
