"""Parsers of aggregated logs and of the logs in NodeManagers' responses, without I/O.

A parser of aggregated logs is a generator: it yields `Need(offset, length)`, is sent these bytes of
the file, and continues. So it works on any file system, blocking or not, and holds no more than a
chunk.
"""
