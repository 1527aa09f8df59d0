"""Blocking clients based on the asynchronous ones: an event loop in a thread, and a bypass."""
