"""The server's own folder in the file browser, without the files of the container."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

YARN_FILES = frozenset(
    {
        *("container_tokens", "launch_container.sh"),
        *("default_container_executor.sh", "default_container_executor_session.sh"),
        *("docker_container_executor.sh", "docker_container_executor_session.sh"),
    }
)
"""Files that a NodeManager writes into a container's folder: tokens and launch scripts.

Source: org.apache.hadoop.yarn.server.nodemanager, ContainerLaunch and the container executors.
"""


class OwnFiles(AsyncLargeFileManager):
    """The server's own folder; YARN's files in a container are neither listed nor served."""

    def should_list(self, name: str) -> bool:
        """Whether a name is listed."""
        return name not in YARN_FILES and bool(super().should_list(name))

    def _get_os_path(self, path: str) -> str:
        found = str(super()._get_os_path(path))
        if Path(found).name in YARN_FILES:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{path} not found")
        return found
