"""What servers and their secrets are called."""

from __future__ import annotations

SERVICE = "jupyterhub"
"""The one service of a server's application, and the application, as yarnspawner 0.4 named it."""
SECRET_VARIABLES = frozenset({"JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"})
"""Variables that are told to a server only, and not to YARN."""
