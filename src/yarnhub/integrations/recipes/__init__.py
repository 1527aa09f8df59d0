"""Programs for a service's containers, which publish their addresses under a key."""
