"""The server's own folder in the file browser, without what is none of the browser's business."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

OF_YARN = frozenset(
    {
        *("container_tokens", "launch_container.sh"),
        *("default_container_executor.sh", "default_container_executor_session.sh"),
        *("docker_container_executor.sh", "docker_container_executor_session.sh"),
    }
)
"""What a NodeManager puts into a container's folder: the user's tokens, and how it is started.

Source: org.apache.hadoop.yarn.server.nodemanager, ContainerLaunch and the container executors.
"""


class OwnFiles(AsyncLargeFileManager):
    """The server's own folder; what YARN has put into a container's is neither listed nor given."""

    def should_list(self, name: str) -> bool:
        """Whether a name is shown."""
        return name not in OF_YARN and bool(super().should_list(name))

    def _get_os_path(self, path: str) -> str:
        found = str(super()._get_os_path(path))
        if Path(found).name in OF_YARN:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"there is no {path}")
        return found
