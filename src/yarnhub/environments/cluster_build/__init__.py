"""Builds on the cluster: each one is an application of its user.

`session` starts and follows them; `container` is the program that runs in the container.
"""
