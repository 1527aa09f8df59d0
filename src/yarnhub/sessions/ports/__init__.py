"""The port on which a container's program listens: held, reported and proven.

The modules that run in the container only need the standard library.
"""
