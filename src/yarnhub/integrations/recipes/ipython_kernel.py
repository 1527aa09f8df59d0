"""An IPython kernel in a container.

The kernel listens on its node's address. As soon as it does, what a client needs to connect is put
into the application's key-value store, under the key `ipython.kernel.info`, as a JSON document:
the content of a connection file. Who has it runs code as the application's user; messages that are
not signed with its key are not answered.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.recipes.recipe import Recipe

if TYPE_CHECKING:
    from yarnhub.integrations.recipes.recipe import Publication

# The kernel has types only where it is installed: here it is Any.


def _serve(argv: list[str], publication: Publication) -> int:
    address = socket.gethostbyname(publication.host)  # ZeroMQ binds to no names
    kernel = _initialize(argv, address)
    # It has its ports: what clients send from now on waits for it to start.
    publication.publish(kernel_info(kernel, address))
    kernel.start()
    return 0


def _initialize(argv: list[str], address: str) -> Any:
    try:
        kernelapp = importlib.import_module("ipykernel.kernelapp")
    except ImportError as error:
        raise ConfigurationError(
            f"the package `ipykernel` cannot be imported ({error}): install it into the "
            f"environment of {sys.executable}"
        ) from error
    kernel = kernelapp.IPKernelApp.instance(ip=address)  # arguments override it
    kernel.initialize(argv)
    return kernel


def kernel_info(kernel: Any, address: str) -> bytes:
    """The content of a kernel's connection file, as a client elsewhere needs it."""
    found = json.loads(Path(kernel.abs_connection_file).read_text("utf-8"))
    if found["ip"] in ("", "*", "0.0.0.0"):  # noqa: S104  # compared, not bound
        found["ip"] = address
    return json.dumps(found).encode()


IPYTHON_KERNEL = Recipe(
    description="Run an IPython kernel in a container and tell how to connect to it.",
    epilog="All other arguments are those of `python -m ipykernel`, see its --help-all.",
    option="--kernel-info-key",
    option_help="where to put the connection file's content",
    key="ipython.kernel.info",
    serve=_serve,
)
