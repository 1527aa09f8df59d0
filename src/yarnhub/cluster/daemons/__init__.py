"""The daemons of a cluster: command lines, the order in which they start, and readiness."""
