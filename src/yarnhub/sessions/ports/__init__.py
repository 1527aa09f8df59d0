"""The port at which a container's program answers: held, reported and proven.

What runs in the container needs the standard library only.
"""
