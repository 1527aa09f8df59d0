"""Requests from the caller's own thread."""

from __future__ import annotations

import os
import threading

import pytest

import skein
from appmaster.shell.server.serving import ID, PAIR
from client.living import Living
from skein.application_client import ApplicationClient
from skein.security import Security
from yarnhub.appmaster.shell.server import frame_connection


def test_threads_share_a_client(app: ApplicationClient) -> None:
    wrong: list[object] = []

    def work(name: str) -> None:
        for number in range(50):
            app.kv.put(name, b"%d" % number)
            if app.kv.get(name) != b"%d" % number:
                wrong.append((name, number))

    threads = [threading.Thread(target=work, args=(f"k{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(app.kv) == 8


def test_a_forked_process_has_a_connection_of_its_own(app: ApplicationClient) -> None:
    app.kv.put("k", b"parent")
    pid = os.fork()
    if pid == 0:
        ended = 1
        try:
            app.kv.put("child", app.kv.get("k") or b"")
            ended = 0
        finally:
            os._exit(ended)
    assert [app.kv.get("k") for _ in range(20)] == [b"parent"] * 20
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert app.kv.get("child") == b"parent"


def test_a_connection_that_was_closed_for_idleness_costs_no_error(
    app: ApplicationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_connection, "IDLE_TIMEOUT", 0.5)
    app.kv.put("k", b"1")
    connection = app._requests._local.connection
    assert connection._poll.poll(60_000), "the application closes it"
    monkeypatch.undo()
    app.kv.put("k", b"2")
    assert app.kv.get("k") == b"2"


def test_what_is_refused_leaves_the_connection_in_use(app: ApplicationClient) -> None:
    app.kv.put("k", b"1")
    connection = app._requests._local.connection
    with pytest.raises(ValueError, match="nobody"):
        app.kv.put("k", b"2", owner="nobody_7")
    assert app.kv.get("k") == b"1"
    assert app._requests._local.connection is connection


def test_an_application_that_is_gone_is_no_connection() -> None:
    security = Security(cert_bytes=PAIR.certificate, key_bytes=PAIR.key)
    other = Living()
    other.start()
    assert other.ready.wait(30)
    with ApplicationClient(f"127.0.0.1:{other.port}", ID, security) as app:
        app.kv.put("k", b"1")
        other.end()
        with pytest.raises(skein.exceptions.ConnectionError, match="cannot be reached"):
            app.kv.put("k", b"2")
        with pytest.raises(skein.exceptions.ConnectionError, match="cannot be reached"):
            app.kv.get("k")


def test_a_closed_client_says_so(app: ApplicationClient) -> None:
    app.kv.put("k", b"1")
    app.close()
    with pytest.raises(skein.exceptions.ConnectionError, match="closed"):
        app.kv.get("k")
