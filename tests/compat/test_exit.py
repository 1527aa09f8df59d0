"""Programs that end their applications when their interpreter ends, on real clusters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from e2e.walk import PROJECT, User
from interpreters import PYTHONS

if TYPE_CHECKING:
    from collections.abc import Callable

    import skein
    from compat.conftest import World

SUBMIT = """
import atexit, weakref
import skein

client = skein.Client()
app = client.submit_and_connect(skein.ApplicationSpec(
    name="exit", master=skein.Master(script="echo said; sleep infinity")
))
print(app.id, flush=True)
"""

ENDS = {
    "atexit": ("atexit.register(app.shutdown)", "FINISHED"),
    "finalize": ("weakref.finalize(client, app.shutdown)", "FINISHED"),
    "kill": ("atexit.register(client.kill_application, app.id)", "KILLED"),
    "another client": ("""
def last():
    other = skein.Client()
    def said():
        return "said" in other.application_logs(app.id).dumps()
    while not said():
        pass
    app.shutdown()
    while other.application_report(app.id).state != "FINISHED":
        pass
    while not said():  # in HDFS by now
        pass
atexit.register(last)
client.close()
""", "FINISHED"),
}  # fmt: skip


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("how", ENDS)
def test_an_application_ends_with_the_interpreter(
    how: str,
    python: str,
    world: World,
    client: skein.Client,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    program, state = ENDS[how]
    user = User(world.folder, {**os.environ, "PYTHONPATH": str(PROJECT / "src")})  # noqa: TID251
    done = user.run(python, "-c", SUBMIT + program)
    assert done.stderr == ""
    app_id = done.stdout.strip()
    eventually(lambda: client.application_report(app_id).state == state)
