"""Responses recorded from a NodeManager of Hadoop 3.4.2."""

from __future__ import annotations

FRAME = (
    b"Container: container_1795573626322_0003_01_000002 on localhost:18937\n"
    b"LogAggregationType: LOCAL\n"
    b"====================================================================\n"
    b"LogType:talker.log\n"
    b"LogLastModifiedTime:Wed Nov 25 02:47:27 +0000 2026\n"
    b"LogLength:%d\n"
    b"LogContents:\n"
    b"%s"
    b"End of LogType:talker.log.This log file belongs to a running container (container_1) and so"
    b" may not be complete.\n***************\n\n"
)


def framed(content: bytes, length: int) -> bytes:
    return FRAME % (length, content)
