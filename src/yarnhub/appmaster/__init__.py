"""The ApplicationMaster: a pure core that decides, and a thin shell that does.

It runs in a container of its own from a zip with nothing but the standard library and h11.
"""
