"""JupyterHub on YARN, under the names of yarnspawner 0.4."""
