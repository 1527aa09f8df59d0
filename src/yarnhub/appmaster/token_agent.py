"""Keeps a container's token file fresh, as a separate process next to the container's script.

Runs on the node's Python from within the token file itself (see `shell.agent_program`), and imports
little: its memory counts against the container's. Its requests for newer tokens wait in the
ApplicationMaster until there are some. It ends when the script does.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import http.client
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.base.tls_pair import load_pair
from yarnhub.control import bootstrap, environment
from yarnhub.hadoop.token_file import read_token_file, replace_tokens
from yarnhub.hadoop.wire.tokens import TokenStorage

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG = "tokens.log"
"""The agent's own file in the container's log folder; created only when it is needed."""

_POLL_PAUSE = 1.0
"""Seconds between two checks whether the script is running."""
_WATCH_TIMEOUT = 50.0
"""Seconds that a request may wait: the ApplicationMaster allows 60."""
_ANSWER_TIMEOUT = 30.0
"""Seconds beyond that for a response."""
_LOCATE_TIMEOUT = 300.0
"""Seconds to look up an ApplicationMaster's address in the ResourceManagers."""
_FIRST_PAUSE, _LAST_PAUSE = 1.0, 60.0
"""Seconds between two attempts to connect to an ApplicationMaster: they grow."""


class _EndingError(Exception):
    """The application is ending: there are no newer tokens, unless another attempt starts."""


class Agent:
    """Requests the tokens for one token file from one ApplicationMaster.

    Args:
        env: The environment of the container.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._file = Path(env["HADOOP_TOKEN_FILE_LOCATION"]).absolute()
        self._log = Path(env["LOG_DIRS"].split(",")[0]) / LOG
        self._address = env[environment.APPMASTER_ADDRESS]
        self._name = bootstrap.server_name(env[environment.APPLICATION_ID])
        self._connection: http.client.HTTPSConnection | None = None
        self._newest = 0

    def run(self) -> None:
        """Request tokens forever."""
        pause = _FIRST_PAUSE
        while True:
            try:
                self._ask()
                pause = _FIRST_PAUSE
            except (
                OSError,
                ValueError,
                KeyError,
                http.client.HTTPException,
                YarnhubError,
                _EndingError,
            ) as error:
                # Logged once, not for each attempt; the end of the application is not an error.
                if pause == _FIRST_PAUSE and not isinstance(error, _EndingError):
                    self.say(f"no tokens from {self._address}, retrying: {error!r}")
                self._close()
                time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
                pause = min(_LAST_PAUSE, pause * 2)
                self._locate()

    def _locate(self) -> None:
        """Use the new address, if another ApplicationMaster runs the application.

        In a separate process: this needs much more memory, but only briefly.
        """
        command = [sys.executable, "-IS", str(self._file), "locate"]
        try:
            found = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_LOCATE_TIMEOUT
            )
        except subprocess.TimeoutExpired:
            return
        if found.returncode == 0 and found.stdout.strip() not in ("", self._address):
            self._address = found.stdout.strip()
            self.say(f"the ApplicationMaster is at {self._address} now")

    def _ask(self) -> None:
        if self._connection is None:
            self._connection = self._connect()
        question = json.dumps({"after": self._newest, "timeout": _WATCH_TIMEOUT})
        self._connection.request("POST", "/control/WatchTokens", question)
        response = self._connection.getresponse()
        body = response.read()
        if response.status == http.client.GONE:
            raise _EndingError
        if response.status != http.client.OK:
            raise ValueError(body.decode("utf-8", "replace"))
        answer = json.loads(body)
        if answer["tokens"]:
            tokens = TokenStorage.read(base64.b64decode(answer["tokens"])).tokens
            replace_tokens(self._file, tokens)
            self.say(f"new tokens for {', '.join(sorted(tokens))}")
        self._newest = answer["number"]

    def _connect(self) -> http.client.HTTPSConnection:
        secrets = read_token_file(self._file).secrets
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # it trusts only this certificate, with any name
        context.load_verify_locations(cadata=secrets[bootstrap.CERTIFICATE].decode())
        load_pair(context, secrets[bootstrap.CERTIFICATE], secrets[bootstrap.KEY])
        return _Connection(self._address, self._name, context)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def say(self, text: str) -> None:
        """Write a line to the log; errors, such as a full disk, are ignored."""
        now = dt.datetime.now().astimezone().isoformat(timespec="seconds")
        with contextlib.suppress(OSError), self._log.open("a") as log:
            log.write(f"{now} {text}\n")


class _Connection(http.client.HTTPSConnection):
    """Sends the application's name instead of the host's: one port may serve many applications."""

    def __init__(self, address: str, name: str, context: ssl.SSLContext) -> None:
        super().__init__(address, timeout=_WATCH_TIMEOUT + _ANSWER_TIMEOUT, context=context)
        self._name = name
        self._own_context = context

    def connect(self) -> None:
        """Connect, and verify the application's certificate."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._own_context.wrap_socket(self.sock, server_hostname=self._name)


def end_with(script: int) -> None:
    """End this process once another one has ended; checks every second.

    Args:
        script: The process ID of the other one.
    """
    try:
        folder = os.open(f"/proc/{script}", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        sys.exit()  # it has ended already

    def look(*_: object) -> None:
        # The descriptor is for that process: a later one with the same ID does not change it.
        try:
            with open("stat", opener=lambda name, flags: os.open(name, flags, dir_fd=folder)) as f:
                state = f.read().rpartition(")")[2].split()[0]
        except OSError:
            os._exit(0)
        if state in "ZX":
            os._exit(0)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _POLL_PAUSE, _POLL_PAUSE)


def locate(env: Mapping[str, str]) -> str:
    """`host:port` of the ApplicationMaster that runs the container's application; empty if none."""
    import asyncio

    from yarnhub.yarn.from_container import own_report
    from yarnhub.yarn.records.applications import YarnApplicationState

    found = read_token_file(Path(env["HADOOP_TOKEN_FILE_LOCATION"]))
    managers = found.secrets.get(bootstrap.RESOURCE_MANAGERS)
    report = asyncio.run(own_report(found, managers, env[environment.APPLICATION_ID], None))
    running = report.yarn_application_state is YarnApplicationState.RUNNING
    return f"{report.host}:{report.rpc_port}" if running and report.rpc_port > 0 else ""


def main(arguments: list[str], env: Mapping[str, str]) -> None:
    """Keep the tokens fresh while the process whose ID is the argument runs; or `locate`."""
    if arguments == ["locate"]:
        sys.stdout.write(locate(env))
        return
    agent = Agent(env)
    try:
        end_with(int(arguments[0]))
        agent.run()
    except Exception as error:
        agent.say(f"the agent ends: {error!r}")
        raise
