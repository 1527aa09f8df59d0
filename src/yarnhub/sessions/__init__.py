"""A container held for a user: what may be chosen for it, its request and its port.

No web framework is known here.
"""
