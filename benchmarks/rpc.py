"""How fast calls and logins are, against a running ResourceManager.

    .venv/bin/python benchmarks/rpc.py --conf-dir CONF    as $USER, and with a token it asks for
    .venv/bin/python benchmarks/rpc.py --conf-dir CONF --keytab FILE --principal NAME

Goals: 10 000 calls/s with 64 in flight on one connection; 10 ms for a login by token.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.client import RpcClient, RpcOptions
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, TokenUser, User
from yarnhub.hadoop.wire.delegation import GetDelegationTokenRequest
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.yarn.addresses import CLIENT, resource_manager
from yarnhub.yarn.records.resource_manager import GetNewApplicationRequest
from yarnhub.yarn.resource_manager import GET_DELEGATION_TOKEN, GET_NEW_APPLICATION, PROTOCOL

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 6400
IN_FLIGHT = 64
LOGINS = 50


def report(what: str, unit: str, figures: list[float]) -> None:
    middle = statistics.median(figures)
    print(f"{what:<44} {middle:10.2f} {unit} ({min(figures):.2f}-{max(figures):.2f})")


async def measure(name: str, connect: Callable[[], RpcClient], runs: int) -> None:
    """Time one user's calls and logins."""
    async with connect() as client:
        request = GetNewApplicationRequest()
        await client.call(GET_NEW_APPLICATION, request)

        async def caller() -> None:
            for _ in range(CALLS // IN_FLIGHT):
                await client.call(GET_NEW_APPLICATION, request)

        latencies, rates, costs = [], [], []
        for _ in range(runs):
            start = time.perf_counter()
            for _ in range(CALLS):
                await client.call(GET_NEW_APPLICATION, request)
            latencies.append((time.perf_counter() - start) / CALLS * 1000)
            start, used = time.perf_counter(), time.process_time()
            async with asyncio.TaskGroup() as group:
                for _ in range(IN_FLIGHT):
                    group.create_task(caller())
            costs.append((time.process_time() - used) / CALLS * 1e6)
            rates.append(CALLS // IN_FLIGHT * IN_FLIGHT / (time.perf_counter() - start))
    report(f"{name}: one call after the other", "ms", latencies)
    report(f"{name}: {IN_FLIGHT} in flight", "calls/s", rates)
    report(f"{name}: our processor time, so many in flight", "us/call", costs)
    logins = []
    for _ in range(LOGINS):
        start = time.perf_counter()
        async with connect() as client:
            await client.call(GET_NEW_APPLICATION, request)
        logins.append((time.perf_counter() - start) * 1000)
    report(f"{name}: connect, log in, first call", "ms", logins)


async def run(arguments: argparse.Namespace) -> None:
    endpoint = resource_manager(Configuration.load(arguments.conf_dir, os.environ), CLIENT)
    options = RpcOptions(server_principal=endpoint.server_principal)

    def as_user(user: User) -> Callable[[], RpcClient]:
        return lambda: RpcClient(endpoint.addresses, PROTOCOL, user, options=options)

    me: User = SimpleUser(getpass.getuser())
    if arguments.keytab:
        from yarnhub.hadoop.security.kerberos import Keytab

        me = KerberosUser(Keytab(arguments.keytab, arguments.principal))
    await measure("user", as_user(me), arguments.runs)
    if arguments.token_file:
        found = TokenStorage.read(arguments.token_file.read_bytes()).find("RM_DELEGATION_TOKEN")
    else:
        # Without Kerberos a token is given to proxied users only; test clusters let root be one.
        asking = replace(me, real=me.name) if isinstance(me, SimpleUser) else me
        async with as_user(asking)() as client:
            wanted = GetDelegationTokenRequest(renewer=getpass.getuser())
            found = (await client.call(GET_DELEGATION_TOKEN, wanted)).token
    if found is not None:
        await measure("token", as_user(TokenUser(found)), arguments.runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conf-dir", type=Path, required=True)
    parser.add_argument("--keytab", type=Path)
    parser.add_argument("--principal")
    parser.add_argument("--token-file", type=Path, help="with an RM_DELEGATION_TOKEN")
    parser.add_argument("--runs", type=int, default=5)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
