"""A server's proof that a port is its own, with its API token, which is not sent; no I/O.

The hub sends `GET <the server's URL>/api/yarnspawner?nonce=...`, without any secret, to the program
that listens on the port. The response contains the addresses on which the server listens. A program
that forwards the request to the real server is therefore refused: it listens elsewhere.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "api/yarnspawner"
"""The path below the server's URL."""
NONCE = re.compile(r"[0-9a-f]{64}")


class ImpostorError(YarnhubError):
    """A program that is not the user's server responds at its port."""


def prove(token: str, nonce: str, addresses: Sequence[str], port: int) -> bytes:
    """The response of a server.

    Args:
        token: Its API token.
        nonce: The nonce in the request: 64 hexadecimal digits.
        addresses: The addresses on which it listens; `0.0.0.0` and `::` are all IPv4 or IPv6 ones.
        port: The port, the same for all of them.
    """
    answer = {
        "addresses": list(addresses),
        "port": port,
        "proof": _proof(token, nonce, addresses, port),
    }
    return json.dumps(answer).encode()


def check(answer: bytes, token: str, nonce: str, peer: tuple[str, int]) -> None:
    """Check a response.

    Args:
        answer: The bytes received; not trusted.
        token: The server's API token.
        nonce: The nonce that was sent; used once.
        peer: The address and port to which the request was sent.

    Raises:
        ImpostorError: It is not the response of this server, or the server does not listen there.
    """
    try:
        document: Any = json.loads(answer)  # Any: not checked yet
        addresses, port = document["addresses"], document["port"]
        expected = _proof(token, nonce, [str(each) for each in addresses], int(port))
        proven = hmac.compare_digest(expected, str(document["proof"]))
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        raise ImpostorError("it does not respond like a server of this hub") from error
    if not proven:
        raise ImpostorError("it does not have the server's token")
    if int(port) != peer[1] or not any(_covers(str(each), peer[0]) for each in addresses):
        raise ImpostorError("the server listens at a different address")


def _proof(token: str, nonce: str, addresses: Sequence[str], port: int) -> str:
    message = json.dumps(["yarnspawner", nonce, list(addresses), port])
    return hmac.new(token.encode(), message.encode(), "sha256").hexdigest()


def _covers(listening: str, peer: str) -> bool:
    theirs = ipaddress.ip_address(peer)
    try:
        ours = ipaddress.ip_address(listening)
    except ValueError:  # a program that has the token may send anything
        return False
    return ours == theirs or (ours.is_unspecified and ours.version == theirs.version)
