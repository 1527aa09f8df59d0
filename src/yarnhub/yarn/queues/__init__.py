"""A scheduler's queues: names, figures, limits, and the ones that a user may use; no I/O."""
