"""A Jupyter server in a process of its own, which tests kill; its kernels outlive it.

Its arguments are its folder, and `local` if it holds kernels on a real cluster.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

from integrations.kernels.fake_holder import FakeHolder
from integrations.kernels.servers import settings

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    config = Config(settings(folder))
    if "local" not in sys.argv[2:]:
        config.YarnhubKernelManager.holder_factory = FakeHolder
    ServerApp.launch_instance(argv=[], config=config)
