"""Hadoop RPC as bytes and events: no input or output, no clock, no randomness."""
