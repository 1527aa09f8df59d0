"""A Jupyter notebook server in a container.

The server listens on its node's host. When it does, its address and token are stored as a JSON
document under the key `jupyter.notebook.info` of the application. The Quit button ends it
successfully.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.integrations.recipes.recipe import Recipe

if TYPE_CHECKING:
    from yarnhub.integrations.recipes.recipe import Publisher

# The notebook server has types only if it is installed: here it is Any.


def _serve(argv: list[str], publisher: Publisher) -> int:
    server = _initialize(argv, publisher.host)
    document = json.dumps(server_info(server, publisher.host)).encode()
    failures: list[Exception] = []

    def publish() -> None:
        try:
            publisher.publish(document)
        except (YarnhubError, OSError) as error:
            # Without the key, the server cannot be found.
            failures.append(error)
            server.io_loop.add_callback(server.stop)

    # In a thread: the server responds meanwhile.
    thread = threading.Thread(target=publish, name="publish")
    server.io_loop.add_callback(thread.start)
    server.start()
    if failures:
        raise failures[0]
    return 0


def _initialize(argv: list[str], host: str) -> Any:
    """Create the server, which has its port but does not respond yet."""
    try:
        notebook = importlib.import_module("notebook.app")
    except ImportError as error:
        raise ConfigurationError(
            f"the package `notebook`, version 7 or newer, cannot be imported ({error}): install it "
            f"into the environment of {sys.executable}"
        ) from error
    server = notebook.JupyterNotebookApp.initialize_server(
        # Later options override earlier ones; arguments override the defaults below.
        argv=["--no-browser", *argv],
        ip=host,
        # The cluster decides whether containers run as root.
        allow_root=True,
    )
    # Jupyter prints a generated token, and others may be able to read the logs.
    server.identity_provider.token_generated = False
    return server


def server_info(server: Any, host: str) -> dict[str, object]:
    """The address and the token of a server, as published under the key."""
    all_addresses = server.ip in ("", "0.0.0.0", "::")  # noqa: S104  # compared, not bound
    return {
        "protocol": "https" if server.certfile else "http",
        "host": host if all_addresses else server.ip,
        "port": server.port,
        "base_url": server.base_url,
        "token": server.identity_provider.token,
    }


JUPYTER_NOTEBOOK = Recipe(
    description="Run a Jupyter notebook server in a container and publish its address.",
    epilog="All other arguments are passed to `jupyter notebook`; see its --help-all.",
    option="--notebook-info-key",
    option_help="the key for the server's address and token",
    key="jupyter.notebook.info",
    serve=_serve,
)
