"""Reading the logs that NodeManagers aggregate, without I/O.

A parser is a generator: it yields `Need(offset, length)`, is sent those bytes of the file, and
goes on. So it works on any file system, blocking or not, and keeps no more than a chunk.
"""
