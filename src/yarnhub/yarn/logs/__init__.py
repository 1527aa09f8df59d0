"""Reading the logs that NodeManagers aggregate, without I/O.

A parser is a generator: it yields `Need(offset, length)`, is sent these bytes of the file, and
continues. So it works on any file system, blocking or not, and holds no more than a chunk.
"""
