"""The kernel service: Jupyter's gateway protocol for many users, with jupyter_server's handlers.

A handler never has the kernel manager itself, but a view of one user's kernels (`owners`), so no id
in a path, a body or a websocket reaches the kernel of another user.
"""
