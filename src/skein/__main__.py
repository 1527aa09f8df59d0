"""`python -m skein` is the command `skein`."""

from __future__ import annotations

from skein.cli import main

if __name__ == "__main__":
    main()
