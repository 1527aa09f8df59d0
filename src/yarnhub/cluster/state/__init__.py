"""The state folder of a cluster: where it is and what it contains."""
