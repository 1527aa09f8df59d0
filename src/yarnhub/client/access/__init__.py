"""Who the user is, where the cluster is, and how both sides prove it."""
