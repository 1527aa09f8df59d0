"""The ApplicationMaster: a pure core that makes decisions, and a thin shell that executes them.

It runs in its own container, from a zip, with only the standard library and h11.
"""
