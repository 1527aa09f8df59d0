"""Checks of a cluster and a hub: problems, where they are and how to fix them."""
