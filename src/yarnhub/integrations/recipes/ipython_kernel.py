"""An IPython kernel in a container.

The kernel listens on its node's address. When it does, the content of its connection file is
stored as a JSON document under the key `ipython.kernel.info` of the application. Anyone who has it
can run code as the application's user; the kernel ignores messages that are not signed with its
key.
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
    from yarnhub.integrations.recipes.recipe import Publisher

# The kernel has types only if it is installed: here it is Any.


def _serve(argv: list[str], publisher: Publisher) -> int:
    address = socket.gethostbyname(publisher.host)  # ZeroMQ cannot bind to names
    kernel = _initialize(argv, address)
    # Its ports are open: messages of clients are queued until it starts.
    publisher.publish(kernel_info(kernel, address))
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
    """The content of a kernel's connection file, for clients on other hosts."""
    found = json.loads(Path(kernel.abs_connection_file).read_text("utf-8"))
    if found["ip"] in ("", "*", "0.0.0.0"):  # noqa: S104  # compared, not bound
        found["ip"] = address
    return json.dumps(found).encode()


IPYTHON_KERNEL = Recipe(
    description="Run an IPython kernel in a container and publish its connection file.",
    epilog="All other arguments are passed to `python -m ipykernel`; see its --help-all.",
    option="--kernel-info-key",
    option_help="the key for the connection file's content",
    key="ipython.kernel.info",
    serve=_serve,
)
