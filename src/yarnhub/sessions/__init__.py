"""A container held for a user: its request, what holds it, its start, its port and its end.

No web framework is known here.
"""
