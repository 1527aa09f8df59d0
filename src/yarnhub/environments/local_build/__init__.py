"""Builds an environment in one process: on the user's machine, or in a container of the cluster.

`environment.build` is the whole of it; the other modules are its steps.
"""
