"""Conda packages: installed with py-rattler, and made independent of the folder they are in."""
