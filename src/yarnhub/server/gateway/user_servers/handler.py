"""What the handlers for users' own servers have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado import web

from yarnhub.server.gateway.handlers import UserHandler

if TYPE_CHECKING:
    from yarnhub.server.gateway.identity import Identity
    from yarnhub.server.gateway.user_servers.kernels import ServerKernels
    from yarnhub.server.gateway.user_servers.kernelspecs import ServerKernelspecs


class ServerHandler(UserHandler):
    """What the handlers of the REST API and of the channels have in common."""

    @property
    def kernels(self) -> ServerKernels:
        """All kernels."""
        kernels: ServerKernels = self.settings["server_kernels"]
        return kernels

    @property
    def kernelspecs(self) -> ServerKernelspecs:
        """All kernelspecs."""
        kernelspecs: ServerKernelspecs = self.settings["server_kernelspecs"]
        return kernelspecs

    @property
    def user(self) -> Identity:
        """The user of the request."""
        if self.identity is None:
            raise web.HTTPError(403)
        return self.identity
