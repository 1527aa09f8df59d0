"""How a server proves that it holds its port: with its API token, which it does not send; no I/O.

The hub asks `GET <the server's URL>/api/yarnspawner?nonce=...` of the program that answers at the
port, without any secret. The answer names where the server listens. What another program has
asked the server for and hands on to the hub is refused therefore: it listens elsewhere.
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
"""Below the server's URL."""
NONCE = re.compile(r"[0-9a-f]{64}")


class ImpostorError(YarnhubError):
    """Another program than a user's server answers at its port."""


def prove(token: str, nonce: str, addresses: Sequence[str], port: int) -> bytes:
    """What a server answers.

    Args:
        token: Its API token.
        nonce: What it was sent: 64 hexadecimal digits.
        addresses: At which it listens; `0.0.0.0` and `::` are all of a kind.
        port: The same for all of them.
    """
    answer = {
        "addresses": list(addresses),
        "port": port,
        "proof": _proof(token, nonce, addresses, port),
    }
    return json.dumps(answer).encode()


def check(answer: bytes, token: str, nonce: str, peer: tuple[str, int]) -> None:
    """Accept an answer, or not.

    Args:
        answer: Whatever was received.
        token: The server's.
        nonce: What was sent; used once.
        peer: Address and port to which it was sent.

    Raises:
        ImpostorError: It is not the server's, or not of a server that listens there.
    """
    try:
        document: Any = json.loads(answer)  # Any: whatever was sent
        addresses, port = document["addresses"], document["port"]
        expected = _proof(token, nonce, [str(each) for each in addresses], int(port))
        proven = hmac.compare_digest(expected, str(document["proof"]))
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        raise ImpostorError("it does not answer as a server of this hub") from error
    if not proven:
        raise ImpostorError("it does not have the token of the server")
    if int(port) != peer[1] or not any(_covers(str(each), peer[0]) for each in addresses):
        raise ImpostorError("it is not at the address at which the server listens")


def _proof(token: str, nonce: str, addresses: Sequence[str], port: int) -> str:
    message = json.dumps(["yarnspawner", nonce, list(addresses), port])
    return hmac.new(token.encode(), message.encode(), "sha256").hexdigest()


def _covers(listening: str, peer: str) -> bool:
    theirs = ipaddress.ip_address(peer)
    try:
        ours = ipaddress.ip_address(listening)
    except ValueError:  # a program that has the token may write anything
        return False
    return ours == theirs or (ours.is_unspecified and ours.version == theirs.version)
