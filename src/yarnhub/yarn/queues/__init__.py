"""A scheduler's queues: their names, figures and limits, and what a user may use; no I/O."""
