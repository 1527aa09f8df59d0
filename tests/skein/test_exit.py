"""What programs call when their interpreter ends, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from appmaster.shell.server.serving import ID, PAIR
from e2e.walk import PROJECT
from interpreters import PYTHONS
from yarnhub.control.messages import FinalStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from client.living import Living

CONNECT = """
import skein
from skein.application_client import ApplicationClient

security = skein.Security(cert_file="pair/skein.crt", key_file="pair/skein.pem")
app = ApplicationClient({address!r}, {id!r}, security)
"""

END = 'app.shutdown("FAILED", "at the exit")'

BEFORE_THE_IMPORT = f"import atexit\natexit.register(lambda: {END})\n"

HANDLERS = {
    "atexit": f'{CONNECT}import atexit\natexit.register(app.shutdown, "FAILED", "at the exit")',
    "atexit before the import": BEFORE_THE_IMPORT + CONNECT,
    "finalize": f"""{CONNECT}
import weakref
class Cluster: pass
cluster = Cluster()
weakref.finalize(cluster, app.shutdown, "FAILED", "at the exit")
""",
    "finalize before the import": f"""
import weakref
class Cluster: pass
cluster = Cluster()
weakref.finalize(cluster, lambda: {END})
{CONNECT}
""",
    "finalizer run by whoever collects": f"""{CONNECT}
import atexit, gc, weakref
class Cluster: pass
cluster = Cluster()
cluster.itself = cluster
weakref.finalize(cluster, app.shutdown, "FAILED", "at the exit")
gc.disable()
del cluster
async def collect():
    gc.collect()
app._held.call(collect)  # the collector may run in any thread
""",
    "method __del__": f"""{CONNECT}
assert len(app.get_containers()) == 3
class Cluster:
    def __init__(self, app):
        self.app = app
    def __del__(self):
        self.app.shutdown("FAILED", "at the exit")
cluster = Cluster(app)
""",
    "thread that goes on": f"""{CONNECT}
import threading
def work():
    threading.main_thread().join()
    assert len(app.get_containers()) == 3
    {END}
threading.Thread(target=work).start()
""",
    "uncaught exception": f"{BEFORE_THE_IMPORT}{CONNECT}import sys; sys.exit()",
    "forked process": f"""{BEFORE_THE_IMPORT}{CONNECT}
import os
app.kv["k"] = b"parent"
if os.fork():
    os.wait()
    os._exit(0)
app = ApplicationClient({{address!r}}, {{id!r}}, security)
""",
    "every kind of request": f"""{BEFORE_THE_IMPORT}{CONNECT}
def last():
    app.kv["k"] = b"v"
    assert app.kv.wait("k") == b"v"
    with app.kv.event_queue() as queue:
        queue.subscribe(key="l")
        app.kv["l"] = b"w"
        assert queue.get(timeout=30).result.value == b"w"
    app.scale("worker", 1)
    assert len(app.get_containers()) == 3
    app.set_progress(0.5)
atexit.register(last)
""",
    "client made there": f"""{BEFORE_THE_IMPORT}{CONNECT}
def last():
    global app
    app = ApplicationClient({{address!r}}, {{id!r}}, security)
    assert len(app.get_containers()) == 3
app.close()
atexit.register(last)
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    PAIR.write(tmp_path / "pair", force=True)
    return tmp_path


def run(
    python: str, program: str, living: Living, folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            python,
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            program.format(address=f"localhost:{living.port}", id=ID),
        ],
        cwd=folder,
        env={"PYTHONPATH": str(PROJECT / "src"), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("handler", HANDLERS)
def test_an_application_can_be_ended_when_the_interpreter_ends(
    handler: str,
    python: str,
    living: Living,
    folder: Path,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    done = run(python, HANDLERS[handler], living, folder)
    assert (done.returncode, done.stderr) == (0, "")
    eventually(lambda: living.world.result is not None)
    result = living.world.result
    assert result is not None
    assert (result.status, result.diagnostics) == (FinalStatus.FAILED, "at the exit")


LATE = {
    "in a forked process": (
        f"""{CONNECT}
import os
app.get_containers()
if os.fork():
    raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
app.get_containers()
""",
        "create another",
    ),
    "in __del__ when modules are gone": (
        f"""{CONNECT}
class Cluster:
    def __init__(self, app):
        self.app = app
    def __del__(self):
        self.app.get_containers()
cluster = Cluster(app)
""",
        "atexit",
    ),
}


@pytest.mark.parametrize("when", LATE)
def test_what_can_no_longer_be_called_says_so_and_does_not_hang(
    when: str, living: Living, folder: Path
) -> None:
    program, said = LATE[when]
    done = run(sys.executable, program, living, folder)
    assert "skein.exceptions.ConnectionError" in done.stderr
    assert said in done.stderr
