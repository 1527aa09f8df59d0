"""Processes of a cluster, and programs that run to their end."""
