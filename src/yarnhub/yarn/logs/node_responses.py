"""The parser of a NodeManager's responses about a container's logs, without I/O.

    GET /ws/v1/node/containers/<container>/logs               the files and their sizes, as JSON
    GET /ws/v1/node/containers/<container>/logs/<file>?size=N   the first N bytes, or the last -N

Ranges are not supported, and the content is framed:

    Container: <container> on <node>
    LogAggregationType: LOCAL
    ================================
    LogType:<file>
    LogLastModifiedTime:<time>
    LogLength:<bytes of the file when the response started>
    LogContents:
    <content>End of LogType:<file>.<a sentence, asterisks, what was aggregated before>

An empty file has no header. The length in the header gives the start of a tail: the file may have
grown since its size was queried.

Source: org.apache.hadoop.yarn.server.nodemanager.webapp.NMWebServices (getContainerLogsInfo and
getLogs); org.apache.hadoop.yarn.logaggregation.LogToolUtils (outputContainerLogThroughZeroCopy).
"""

from __future__ import annotations

import json
import re
from typing import Any

from yarnhub.base.errors import RemoteProtocolError

_LOG_HEADER = re.compile(rb"\nLogLength:(\d{1,18})\nLogContents:\n")
_EMPTY = b"End of LogType:"
_MAX_HEADER = 1 << 16
"""Bytes of the header, which contains the name of a file twice at most."""


def parse_listing(body: bytes) -> dict[str, int]:
    """The files on the node's disk, by name, with their sizes in bytes.

    Raises:
        RemoteProtocolError: The response is invalid.
    """
    try:
        # Any: what JSON holds is looked at part by part. A list of one is written without brackets.
        answer: Any = json.loads(body)
        found = {}
        for part in _listed(answer["containerLogsInfo"]):
            if part.get("logAggregationType", "LOCAL") == "LOCAL":
                for file in _listed(part.get("containerLogInfo") or []):
                    found[str(file["fileName"])] = int(file["fileSize"])
    except (
        *(ValueError, TypeError, KeyError, AttributeError, RecursionError),
        OverflowError,  # a size of 1e999
    ) as error:
        raise RemoteProtocolError("a NodeManager's list of log files is invalid") from error
    return found


def _listed(value: Any) -> list[Any]:  # a part of a JSON document
    return value if isinstance(value, list) else [value]


class LogAnswer:
    """Extracts the content from its frame, in chunks of any size.

    Attributes:
        length: Bytes of the whole file when the response started; None until the header has
            arrived.

    Args:
        tail: The number of bytes that were requested from the file's end; None for all.
    """

    def __init__(self, tail: int | None = None) -> None:
        self._tail = tail
        self._head = b""
        self._left = 0
        self.length: int | None = None

    @property
    def position(self) -> int:
        """The offset in the file of the next content."""
        return (self.length or 0) - self._left

    @property
    def complete(self) -> bool:
        """Whether the content is complete; the rest is not part of the log."""
        return self.length is not None and not self._left

    def feed(self, data: bytes) -> bytes:
        """Process a chunk of the response; returns its content.

        Raises:
            RemoteProtocolError: The response does not have the frame of Hadoop 3.1 or newer.
        """
        if self.length is None:
            self._head += data
            if self._head.startswith(_EMPTY):
                self.length = 0
                return b""
            found = _LOG_HEADER.search(self._head)
            if found is None:
                if len(self._head) > _MAX_HEADER:
                    raise RemoteProtocolError("a NodeManager's response has no log header")
                return b""
            self.length = int(found[1])
            self._left = self.length if self._tail is None else min(self._tail, self.length)
            data, self._head = self._head[found.end() :], b""
        content = data[: self._left]
        self._left -= len(content)
        return content
