"""The user, the cluster, and how each is authenticated."""
