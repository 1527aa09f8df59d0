"""`yarnhub platform` that stores usage all the time, for tests that kill its database meanwhile."""

from __future__ import annotations

import sys
from functools import partial
from unittest import mock

from yarnhub.cli.main import main
from yarnhub.server.platform.usage_recorder import RecorderOptions

if __name__ == "__main__":
    always = partial(RecorderOptions, interval=0.1)
    with mock.patch("yarnhub.server.platform.app.RecorderOptions", always):
        sys.exit(main())
