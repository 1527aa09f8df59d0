"""Tasks of the hub's process that nothing awaits: JupyterHub has no owner for them."""

from __future__ import annotations

from yarnhub.base.background import BackgroundTasks

in_background = BackgroundTasks().start
"""Start a task; an error that it ends with is logged. JupyterHub cancels all tasks when it ends,
and waits for them."""
