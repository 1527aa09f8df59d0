"""Checks of a set-up: what is wrong, where, and how to mend it."""
