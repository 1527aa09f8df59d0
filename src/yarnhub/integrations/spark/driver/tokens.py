"""Delegation tokens of a session that runs for longer than they live."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from .service import Service, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_MAGIC = b"HDTS\0"
"""A token file in the form that all versions of Hadoop read."""
_RESOURCE_MANAGER = b"RM_DELEGATION_TOKEN"
_ISSUED, _ENDS = 4, 5
"""The numbers of these fields in `YARNDelegationTokenIdentifierProto`."""
_USUAL_LIFE = 24 * 3600.0
_PARTS = 3
"""New tokens come after a third of the life of the old ones: there is time for more attempts."""
_RETRY = 300.0
"""Seconds after a failure, at most: the old tokens may have most of their life behind them."""
_SHORTEST = 1.0
_LONGEST = _USUAL_LIFE / _PARTS
"""The ResourceManager renews tokens that an application was submitted with, and not those that
replace them: whatever their life, they expire after the servers' renewal interval, usually a day.
"""


def shortest_life(content: bytes) -> float | None:
    """The shortest life of the tokens in a token file, from issue to end, in seconds.

    None if that cannot be read. The times are by the clock of the server that issued a token.

    Source: org.apache.hadoop.security.Credentials.readFields,
    org.apache.hadoop.security.token.delegation.AbstractDelegationTokenIdentifier,
    yarn_security_token.proto.
    """
    if not content.startswith(_MAGIC):
        return None
    try:
        lives = [ends - issued for issued, ends in _times(content)]
    except (IndexError, ValueError):
        return None
    return min((life / 1000 for life in lives if life > 0), default=None)


class Renewal:
    """Replaces the tokens of a session in its driver and executors.

    Args:
        service: Gives new tokens.
        context: The session's.
        tokens: The token file that it was started with.
    """

    def __init__(self, service: Service, context: Any, tokens: bytes) -> None:
        self._service = service
        self._context = context
        self._life = shortest_life(tokens) or _USUAL_LIFE
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="spark-tokens", daemon=True).start()

    def stop(self) -> None:
        """Stop; does not wait for a request in progress."""
        self._stopped.set()

    def _run(self) -> None:
        # A session has imported py4j, from where Spark is.
        of_jvm = getattr(sys.modules.get("py4j.protocol"), "Py4JError", ServiceError)
        failed = False
        while not self._stopped.wait(pause(self._life, failed=failed)):
            try:
                content = self._service.tokens()
                if content and not self._stopped.is_set():
                    push(self._context, content)
                    self._life = shortest_life(content) or _USUAL_LIFE
                failed = False
            # The last ones are those of a session that ends meanwhile.
            except (ServiceError, of_jvm, OSError, AttributeError) as error:
                failed = True
                if not self._stopped.is_set():
                    log.warning("Spark's tokens are not replaced, trying again later: %s", error)


def pause(life: float, *, failed: bool = False) -> float:
    """Seconds until tokens with this life are replaced, or until that is tried again."""
    return min(_RETRY if failed else _LONGEST, max(_SHORTEST, life / _PARTS))


def push(context: Any, content: bytes) -> None:  # PySpark's
    """Give a token file's tokens to a session's driver and executors.

    It is what Spark does with tokens that it gets by a keytab.
    """
    backend = context._jsc.sc().schedulerBackend()  # noqa: SLF001
    backend.updateDelegationTokens(bytearray(content))


def _times(content: bytes) -> Iterator[tuple[int, int]]:
    """When each delegation token was issued, and when it ends, in ms."""
    data = _Reader(content[len(_MAGIC) :])
    for _ in range(data.number()):
        data.text()  # the alias
        identifier, _password, kind = data.text(), data.text(), data.text()
        data.text()  # the service
        if kind == _RESOURCE_MANAGER:
            fields = dict(_varints(identifier))
            if _ISSUED in fields and _ENDS in fields:
                yield fields[_ISSUED], fields[_ENDS]
        elif kind.endswith(b"DELEGATION_TOKEN") or kind == b"kms-dt":
            reader = _Reader(identifier)
            if reader.take(1) == b"\0":
                for _name in ("owner", "renewer", "real user"):
                    reader.text()
                yield reader.number(), reader.number()


class _Reader:
    """Takes Hadoop's variable integers and texts from bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._data):
            raise IndexError(size)
        taken, self._at = self._data[self._at : end], end
        return taken

    def number(self) -> int:
        first = int.from_bytes(self.take(1), "big", signed=True)
        if first >= -112:
            return first
        negative = first < -120
        magnitude = int.from_bytes(self.take(-(first + (120 if negative else 112))), "big")
        return ~magnitude if negative else magnitude

    def text(self) -> bytes:
        return self.take(self.number())


def _varints(message: bytes) -> Iterator[tuple[int, int]]:
    """The integers among the fields of a protobuf message."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        match key & 7:
            case 0:
                yield key >> 3, varint()
            case 1:
                at += 8
            case 2:
                size = varint()
                at += size
            case 5:
                at += 4
            case other:
                raise ValueError(other)
