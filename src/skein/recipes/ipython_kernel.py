"""An IPython kernel in a container: `python -m skein.recipes.ipython_kernel`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from yarnhub.integrations.recipes.ipython_kernel import IPYTHON_KERNEL

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the kernel; returns the exit code."""
    return IPYTHON_KERNEL.run("python -m skein.recipes.ipython_kernel", argv)


if __name__ == "__main__":
    sys.exit(main())
