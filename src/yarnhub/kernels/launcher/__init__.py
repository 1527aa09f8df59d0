"""The program in a kernel's container: it starts the kernel's process, and outlives it.

It travels in the container's token file, so that a kernel's environment does not need yarnhub: only
the standard library, and the modules of yarnhub that need nothing else.
"""
