"""A Jupyter client of a held kernel, through Unix sockets that are joined with its channels."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.asynchronous.client import AsyncKernelClient

from kernels.launcher.client import Client
from yarnhub.integrations.kernels.channel_sockets import ChannelSockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.kernels.kernel import Kernel

NAMES = ("shell", "iopub", "stdin", "control", "hb")


@contextlib.asynccontextmanager
async def joined(kernel: Kernel, *, ready: bool = True) -> AsyncIterator[Client]:
    """Connect to a kernel.

    Args:
        kernel: The kernel.
        ready: Whether to wait until it responds; a busy one does not.
    """
    folder = Path(tempfile.mkdtemp(prefix="yh-"))
    sockets = ChannelSockets(folder / "s")
    client: Any = AsyncKernelClient()
    try:
        await sockets.listen(kernel)
        client.load_connection_info(
            {
                **{f"{name}_port": number for number, name in enumerate(NAMES, 1)},
                "transport": "ipc",
                "ip": sockets.prefix(kernel.id),
                "key": kernel.key.encode(),
                "signature_scheme": "hmac-sha256",
            }
        )
        client.start_channels(hb=False)
        if ready:
            await client.wait_for_ready(timeout=60)
        yield Client(client)
    finally:
        client.stop_channels()
        await sockets.aclose()
        shutil.rmtree(folder)
