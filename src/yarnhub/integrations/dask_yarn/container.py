"""The program in the containers of a Dask cluster, under the name of dask-yarn's command.

It runs on the Python of the containers' environment, which has distributed and no yarnhub:
`specification` puts its text into the containers' script, and reads what it needs to know from
variables of the container. The application's certificate and key, in the container's token file,
serve two purposes: requests to the ApplicationMaster, and the connections of Dask.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import http.client
import importlib
import json
import os
import signal
import ssl
import sys
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

# Any, in this module: distributed is untyped here

SCHEDULER_KEY, DASHBOARD_KEY = "dask.scheduler", "dask.dashboard"
"""The keys of an application that have its addresses, as in dask-yarn."""
MEMORY_LIMIT = "DASK_YARN_MEMORY_LIMIT"
"""The variable with the bytes that a worker may use."""
_CERTIFICATE, _KEY = "yarnhub.certificate", "yarnhub.key"
_WAIT = 25.0
"""Seconds that a request waits in the ApplicationMaster, which allows 60."""
_PATIENCE = 60.0
"""Seconds for a response."""
_GONE = 410
"""HTTP's code for an application that has ended."""


class EndedError(Exception):
    """The application has ended."""


class SettingsError(Exception):
    """No container of this application can start Dask."""


# --- the application


def secrets_in(content: bytes) -> dict[str, bytes]:
    """The secrets in a token file, by name.

    The format is that of org.apache.hadoop.security.Credentials (Writable), in which NodeManagers
    write the file.

    Raises:
        SettingsError: It is not a token file.
    """
    at = 5

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        if at > len(content):
            raise ValueError
        return content[at - size : at]

    def number() -> int:
        first = take(1)[0]
        if first < 128:
            return first
        size = 144 - first  # WritableUtils.readVLong, of numbers that are not negative
        if not 0 < size <= 8:
            raise ValueError
        return int.from_bytes(take(size), "big")

    if content[:5] != b"HDTS\0":
        raise SettingsError("the container's token file has an unknown format")
    try:
        for _ in range(number()):  # tokens: alias, identifier, password, kind, service
            for _ in range(5):
                take(number())
        return {take(number()).decode(): take(number()) for _ in range(number())}
    except ValueError as error:
        raise SettingsError("the container's token file is damaged") from error


class Application:
    """The application of this container.

    Args:
        variables: The container's variables.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        with open(variables["HADOOP_TOKEN_FILE_LOCATION"], "rb") as file:  # noqa: PTH123
            found = secrets_in(file.read())
        self.certificate, self.key = found[_CERTIFICATE].decode(), found[_KEY].decode()
        self.container = variables["SKEIN_CONTAINER_ID"]
        self._address = variables["SKEIN_APPMASTER_ADDRESS"]
        self._name = f"{variables['SKEIN_APPLICATION_ID'].replace('_', '-')}.skein-internal"

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # it trusts only this certificate, with any name
        context.load_verify_locations(cadata=self.certificate)
        # The module reads a pair from files only. Its key must not be readable for others.
        with tempfile.NamedTemporaryFile("w", dir=os.curdir) as file:
            file.write(self.certificate + self.key)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def wait(self, name: str) -> str:
        """The value of a key, as soon as it is set.

        Raises:
            EndedError: The application has ended.
            OSError: The ApplicationMaster does not respond.
        """
        while True:
            entries = self._ask("WaitKey", key=name, timeout=_WAIT)["entries"]
            if entries:
                return base64.b64decode(entries[0]["value"]).decode()

    def put(self, name: str, value: str) -> None:
        """Set a key, until this container ends; raises as `wait`."""
        packed = base64.b64encode(value.encode()).decode()
        self._ask("PutKey", key=name, value=packed, owner=self.container, keep_owner=False)

    def fail(self, reason: str) -> None:
        """End the application as failed; raises as `wait`."""
        self._ask("Shutdown", status="FAILED", diagnostics=f"{self.container}: {reason}")

    def _ask(self, name: str, **request: object) -> Any:
        connection = _Connection(self._address, self._name, self._context)
        try:
            connection.request("POST", f"/control/{name}", json.dumps(request))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status == _GONE:
            raise EndedError
        if response.status != http.client.OK:
            raise OSError(f"{name} was refused: {body[:500].decode('utf-8', 'replace')}")
        return json.loads(body)


class _Connection(http.client.HTTPSConnection):
    """Sends the application's name instead of the host's."""

    def __init__(self, address: str, name: str, context: ssl.SSLContext) -> None:
        super().__init__(address, timeout=_PATIENCE, context=context)
        self._name = name
        self._own_context = context

    def connect(self) -> None:
        """Connect, and verify the application's certificate."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._own_context.wrap_socket(self.sock, server_hostname=self._name)


# --- Dask


async def run_scheduler(application: Application, variables: Mapping[str, str]) -> None:
    """Run the scheduler until it ends; its addresses are in the application's keys."""
    from distributed import Scheduler
    from distributed.comm import get_address_host

    security = _security(application)
    async with Scheduler(protocol="tls", security=security, dashboard_address=":0") as scheduler:
        # The name by which YARN knows the node, which may have addresses that others cannot reach.
        host = variables.get("NM_HOST") or get_address_host(scheduler.address)
        dashboard = f"http://{host}:{scheduler.services['dashboard'].port}"
        await asyncio.to_thread(application.put, DASHBOARD_KEY, dashboard)
        address = f"tls://{host}:{scheduler.port}"
        await asyncio.to_thread(application.put, SCHEDULER_KEY, address)
        await _until_it_ends(scheduler)


async def run_worker(
    application: Application, variables: Mapping[str, str], options: argparse.Namespace
) -> None:
    """Run a worker until it ends."""
    path = options.worker_class or variables.get("worker_class") or "distributed.Nanny"
    given = options.worker_options or variables.get("worker_options") or "e30="
    made = _worker_class(path)
    limit = options.memory_limit or variables.get(MEMORY_LIMIT) or "auto"
    keywords = {
        "name": application.container,
        "nthreads": options.nthreads or int(variables["SKEIN_RESOURCE_VCORES"]),
        "memory_limit": int(limit) if limit.isdecimal() else limit,
        "security": _security(application),
        **json.loads(base64.b64decode(given)),
    }
    address = await asyncio.to_thread(application.wait, SCHEDULER_KEY)
    try:
        worker = made(address, **keywords)
    except TypeError as error:
        raise SettingsError(f"{path} refuses its options: {error}") from error
    async with worker:
        await _until_it_ends(worker)


def _worker_class(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(f"its environment has no worker_class {path}: {error}") from error


def _security(application: Application) -> Any:
    from distributed import Security

    pair = {
        f"tls_{role}_{part}": text
        for role in ("scheduler", "worker", "client")
        for part, text in (("cert", application.certificate), ("key", application.key))
    }
    return Security(tls_ca_file=application.certificate, require_encryption=True, **pair)


async def _until_it_ends(server: Any) -> None:
    """Wait for the end of a scheduler or worker, which a signal brings about."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    ends = [loop.create_task(each) for each in (stopped.wait(), server.finished())]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in ends:
            each.cancel()


def main(arguments: list[str], variables: Mapping[str, str]) -> int:
    """Run the command `dask-yarn services scheduler` or `dask-yarn services worker`.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    application = Application(variables)
    work: Coroutine[Any, Any, None]
    try:
        try:
            importlib.import_module("distributed")
        except ImportError as error:
            raise SettingsError(f"{sys.executable} cannot import distributed: {error}") from error
        _keep_files_here()
        if options.service == "scheduler":
            work = run_scheduler(application, variables)
        else:
            work = run_worker(application, variables, options)
        asyncio.run(work)
    except SettingsError as error:
        print(f"dask-yarn: {error}", file=sys.stderr)  # noqa: T201  # this is a program
        application.fail(str(error))
        return 1
    except EndedError:
        pass
    return 0


def _keep_files_here() -> None:
    """Keep what Dask spills to disk in the container's folder, which YARN deletes."""
    import dask.config

    if dask.config.get("temporary-directory", None) is None:
        dask.config.set({"temporary-directory": os.getcwd()})  # noqa: PTH109


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dask-yarn", description="Run Dask in a container.")
    services = parser.add_subparsers(required=True).add_parser("services")
    commands = services.add_subparsers(required=True, dest="service")
    commands.add_parser("scheduler")
    worker = commands.add_parser("worker")
    worker.add_argument("--nthreads", type=int, help="default: the container's cores")
    worker.add_argument("--memory_limit", help="bytes, or a text such as '2 GiB'; 0 for none")
    # dask-yarn's specifications have these two as variables.
    worker.add_argument("--worker_class", help="default: distributed.Nanny")
    worker.add_argument("--worker_options", help="JSON, in base64")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))  # noqa: TID251  # this is an entry point
