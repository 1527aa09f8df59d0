"""JupyterHub, as its services see it: what it tells them, and who its tokens belong to."""
