"""JupyterHub: each user's server in a YARN container that runs as the user."""
