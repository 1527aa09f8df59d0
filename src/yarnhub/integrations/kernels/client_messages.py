"""The messages on a client's websocket, in JSON or in version 1 of Jupyter's protocol."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)

if TYPE_CHECKING:
    from jupyter_client.session import Session

_V1 = "v1.kernel.websocket.jupyter.org"
_log = logging.getLogger(__name__)


def channel_and_header(message: Any, subprotocol: str | None) -> tuple[str, dict[str, Any]]:
    """The channel and the header of a client's message; empty if it cannot be read.

    Args:
        message: Text or bytes, whatever a client sends.
        subprotocol: The websocket's.
    """
    try:
        if subprotocol == _V1:
            channel, parts = deserialize_msg_from_ws_v1(message)
            header = json.loads(bytes(parts[0]))
        else:
            binary = isinstance(message, bytes)
            read = deserialize_binary_message(message) if binary else json.loads(message)
            channel, header = read.get("channel") or "shell", read["header"]
        return str(channel), dict(header)
    except Exception as error:  # noqa: BLE001  # whatever a client sends
        _log.debug("a message of a client cannot be read: %s", error)
        return "", {}


def packed(message: dict[str, Any], session: Session, subprotocol: str | None) -> str | bytes:
    """A message of the channel `iopub` for a client."""
    if subprotocol == _V1:
        found: bytes = serialize_msg_to_ws_v1(message, "iopub", session.pack)
        return found
    return json.dumps(message | {"channel": "iopub"}, default=str)


def runs_cell(header: dict[str, Any]) -> bool:
    """Whether a message with this header runs a cell."""
    return header.get("msg_type") == "execute_request" and bool(header.get("msg_id"))
