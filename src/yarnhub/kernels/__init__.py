"""Jupyter kernels in YARN containers.

A kernel is a session whose container runs a *launcher*, which starts the kernel's process, keeps
its output while nobody listens, and outlives it. A *holder* has the ApplicationMasters, and reaches
the launchers. Nothing here imports Jupyter: `integrations.kernels` joins it to jupyter_server.
"""
