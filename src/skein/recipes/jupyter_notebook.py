"""A Jupyter notebook server in a container: `python -m skein.recipes.jupyter_notebook`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from yarnhub.integrations.recipes.jupyter_notebook import JUPYTER_NOTEBOOK

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit code."""
    return JUPYTER_NOTEBOOK.run("python -m skein.recipes.jupyter_notebook", argv)


if __name__ == "__main__":
    sys.exit(main())
