"""A scheduler's queues: names, figures, reached limits, and the queues a user can use; no I/O."""
