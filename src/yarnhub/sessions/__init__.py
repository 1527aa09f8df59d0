"""A container held for a user: what may be chosen for it, and its port; no web framework."""
